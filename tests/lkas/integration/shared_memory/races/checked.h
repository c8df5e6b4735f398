/* A message that checks itself: every word of its record and every byte of its image is derived from one number. */
#ifndef CHECKED_H
#define CHECKED_H

void race_gap(int point);
/* test_races.py writes these calls into a copy of the header, at the places where another thread matters. */
enum { CLAIM_CHOSEN, CLAIM_MARKED, VIEW_FOUND, VIEW_PINNED, COPY_STARTED, COPYING, WAIT_LOOKED };
#define RACE_GAP(point) race_gap(point)

#include <lkas_channel.h>

#define WORDS 16
#define STAMP_WORDS 2 /* set by the channel */
#define BYTES 1536
#define SPEC(slots) {"Checked", 1, 8 * WORDS, 8 * (WORDS - STAMP_WORDS), (slots), 1, 16, 32, 3, 0}

typedef struct checked {
    uint64_t words[WORDS];
} checked;

static inline void stop_with(int code, const char *what) {
    fprintf(stderr, "%s\n", what);
    _Exit(code);
}

static inline void must(int is_true, const char *what) {
    if (!is_true) stop_with(1, what);
}

static inline checked checked_of(uint64_t number) {
    checked message;
    for (int i = 0; i < WORDS; ++i) message.words[i] = number;
    return message;
}

/* Whole: all words alike, and they are those of the message that the channel says it is. */
static inline void check_record(const checked *message) {
    for (int i = 1; i < WORDS - STAMP_WORDS; ++i)
        if (message->words[i] != message->words[0]) stop_with(3, "torn record");
    if (message->words[WORDS - 1] != message->words[0]) stop_with(3, "record of another message");
}

static inline void check_image(const void *image, uint64_t number) {
    const uint8_t *bytes = (const uint8_t *)image;
    for (int i = 0; i < BYTES; ++i)
        if (bytes[i] != (uint8_t)number) stop_with(3, "torn image");
}

/* Claim and fill; what is published is numbered by the channel's own sequence. */
static inline int claim_checked(lkas_writer *writer) {
    lkas_error error;
    if (lkas_claim(writer, &error) < 0) return 0;
    memset(lkas_claimed_bulk(writer), (int)(uint8_t)writer->sequence, BYTES);
    return 1;
}

static inline void publish_checked(lkas_writer *writer) {
    checked message = checked_of(writer->sequence);
    lkas_publish(writer, &message);
}

#endif
