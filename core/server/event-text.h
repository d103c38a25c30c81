/* SPDX-License-Identifier: Apache-2.0 */
/* What events mean, and what each one says to a person.  Constant and pure:
 * any thread. */
#ifndef CORE_SERVER_EVENT_TEXT_H
#define CORE_SERVER_EVENT_TEXT_H

#include <stddef.h>

#include <jansson.h>

#define EVENT_SENTENCE_BYTES 400

/*
 * `sentence` is what an event of this id says: "{name}" stands for its member,
 * and what stands in brackets is said only of an event that has all members in
 * it, none of them empty.
 */
struct event_explanation {
    const char *id;
    const char *text; /* what the id means */
    const char *sentence;
};

/* The explanation of an event id, or NULL; and the whole list. */
const struct event_explanation *event_explain(const char *id);
const struct event_explanation *event_explanations(size_t *ret_count);

/* The sentence of an event, cut to EVENT_SENTENCE_BYTES.  Without a member
 * that it needs, and for an id of no list, what the id means. */
void event_sentence(const char *id, const json_t *event,
                    char out[EVENT_SENTENCE_BYTES]);

#endif
