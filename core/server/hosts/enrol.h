/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enrolment window.  While it is open, machines that nobody registered
 * load the engine, which shows a code; outside of it they boot their disk.
 * Document `/v1/setting/enrol`, so that a restart changes nothing; it closes by
 * itself.  Loop thread only; knows no HTTP.
 *
 * A machine whose wait was in vain is not asked again in the same window, nor
 * one whose engine never comes after POLICY_ENGINE_BOOTS boots: both would go
 * round for ever instead of reaching their disk.
 */
#ifndef CORE_SERVER_HOSTS_ENROL_H
#define CORE_SERVER_HOSTS_ENROL_H

#include "core/server/deploy.h"

#define ENROL_MIN_S 60
#define ENROL_MAX_S (24 * 3600)

struct enrol;

/* `deploy` outlives it. */
struct enrol *enrol_new(const struct deploy *deploy, struct err *err);
void enrol_free(struct enrol *enrol);
void enrol_load(struct enrol *enrol, store_loaded *loaded, void *arg);

typedef void enrol_done(void *arg, const struct err *err);
/* For `for_s` (ENROL_MIN_S to ENROL_MAX_S) from now on; an open window is
 * replaced by the new one.  `by` is copied. */
void enrol_open(struct enrol *enrol, uint32_t for_s, const char *by,
                enrol_done *done, void *arg);
/* Closing a closed window is no error.  Machines that show a code already may
 * still be approved. */
void enrol_close(struct enrol *enrol, const char *by, enrol_done *done,
                 void *arg);

bool enrol_is_open(const struct enrol *enrol);
/* The firmware of an unknown machine asks to boot; `again`: this is the first
 * request of a boot.  True = it gets the engine. */
bool enrol_wants(struct enrol *enrol, const char *mac, bool again);
/* This machine boots its disk until the next window. */
void enrol_give_up(struct enrol *enrol, const char *mac);
/* {"open", "opened_s", "until_s", "by"}; a new reference. */
json_t *enrol_json(const struct enrol *enrol);

#endif
