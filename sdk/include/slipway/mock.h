/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mock host for unit tests of action plugins: runs the callbacks of a
 * descriptor as the engine would, in this process, on disks that are plain
 * files.  Compile its source files together with your test; their paths are
 * `pkg-config --variable=mock slipway-sdk`.
 *
 *     struct slipway_mock *mock = slipway_mock_new(&slipway_plugin_descriptor);
 *     slipway_mock_param(mock, "greeting", "hello");
 *     assert(slipway_mock_run(mock) == SLIPWAY_OK);
 *     assert(strstr(slipway_mock_result(mock), "hello"));
 *     slipway_mock_free(mock);
 *
 * Texts that are handed out live until slipway_mock_free.
 */
#ifndef SLIPWAY_MOCK_H
#define SLIPWAY_MOCK_H

#include <slipway/action.h>

#ifdef __cplusplus
extern "C" {
#endif

struct slipway_mock;

/* NULL when memory runs out. */
struct slipway_mock *
slipway_mock_new(const struct slipway_action_plugin *plugin);
void slipway_mock_free(struct slipway_mock *mock);

/* Sets a parameter to the text that a profile would hold; others have their
 * defaults.  SLIPWAY_EINVAL: the plugin declares no such parameter. */
int slipway_mock_param(struct slipway_mock *mock, const char *name,
                       const char *text);
/* Adds a disk that is the file at `path`; DISK parameters select the first.
 * SLIPWAY_EIO: there is no such file. */
int slipway_mock_disk(struct slipway_mock *mock, const char *path,
                      const char *serial, uint32_t sector_bytes);
/* The content of every IMAGE and BLOB parameter is the file at `path`. */
void slipway_mock_content(struct slipway_mock *mock, const char *path);
/* What `facts` gives; default "{}". */
void slipway_mock_facts(struct slipway_mock *mock, const char *json);
/* What `lldp_open` gives a duplicate of, whatever the port: a datagram socket
 * to which the test writes LLDPDUs; the test's to close.  -1 = unsupported. */
void slipway_mock_lldp(struct slipway_mock *mock, int fd);
/* What every command_run answers; without it commands are refused. */
void slipway_mock_command(struct slipway_mock *mock, uint64_t exit_status,
                          const char *output);
/* flags: SLIPWAY_ACTION_DRY_RUN or 0. */
void slipway_mock_flags(struct slipway_mock *mock, uint64_t flags);
/* `cancelled` says yes from its `count`th call on; 0 = never. */
void slipway_mock_cancel_at(struct slipway_mock *mock, uint64_t count);
/* The `count`th `alloc` from now fails; 0 = none does. */
void slipway_mock_fail_alloc(struct slipway_mock *mock, uint64_t count);

/*
 * Runs probe, prepare, run and verify in this order as far as they are there
 * and succeed.  SLIPWAY_OK, or the first other result; what a callback
 * returned outside of the list of results becomes SLIPWAY_EINTERNAL.
 */
int slipway_mock_run(struct slipway_mock *mock);
/* The host, for calling one callback alone. */
const struct slipway_action_host *slipway_mock_host(struct slipway_mock *mock);

/* What came of it; "" when there is nothing. */
const char *slipway_mock_sentence(const struct slipway_mock *mock);
const char *slipway_mock_result(const struct slipway_mock *mock);
const char *slipway_mock_log(const struct slipway_mock *mock);
/* Newest progress, 0..1000. */
uint32_t slipway_mock_progress(const struct slipway_mock *mock);
/* Rules that the plugin broke, a sentence on each line: progress that goes
 * back, a disk opened for writing without having been declared, ... */
const char *slipway_mock_violations(const struct slipway_mock *mock);
/* How often data was written through the host. */
uint64_t slipway_mock_writes(const struct slipway_mock *mock);

#ifdef __cplusplus
}
#endif

#endif
