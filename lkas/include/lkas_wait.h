/* lkas_wait.h: sleep until a channel has something new, and close a reader. */
#ifndef LKAS_WAIT_H
#define LKAS_WAIT_H

#include "lkas_reader.h"

/* What one waiter waits for: something other than `last` in the segment, or its reader being closed. */
typedef struct lkas_awaited {
    lkas_channel *channel; /* NULL: not attached, wait for time to pass */
    uint64_t last;
    LKAS_ATOMIC(int) * is_closed;
} lkas_awaited;

/* Wait one slice for any of them. The caller keeps the channels alive and checks afterwards what is new. A slice may
 * end early; one that missed its wake-up (a replaced segment) ends in time for the next lookup of the name. */
static inline void lkas_wait_slice(const lkas_awaited *awaited, int count, int64_t slice_ns) {
    lkas__waitv waiters[LKAS_READERS];
    int waiting = 0, is_news = 0;
    if (count > LKAS_READERS) count = LKAS_READERS;
    for (int i = 0; i < count; ++i) {
        is_news |= lkas__load(awaited[i].is_closed, seq_cst);
        if (!awaited[i].channel) continue;
        lkas_header *header = awaited[i].channel->header;
        lkas__add(&header->waiters, 1u, seq_cst);
        /* Announce, load `wake`, then check for news; a writer does this in the opposite order. */
        lkas__waitv waiter = {lkas__load(&header->wake, seq_cst), (uint64_t)(uintptr_t)&header->wake, 2 /* 32 bit */, 0};
        waiters[waiting++] = waiter;
        const uint64_t latest = lkas__load(&header->latest, seq_cst); /* LKAS_NO_SLOT: nothing was ever written */
        is_news |= latest != awaited[i].last && (latest & 0xff) != LKAS_NO_SLOT;
        is_news |= lkas__is_lost(&awaited[i].channel->segment);
        is_news |= lkas__load(awaited[i].is_closed, seq_cst);
    }
    /* Announced and checked: a message from here on must end the sleep. */
    if (!is_news && slice_ns > 0) {
        if (waiting == 0) {
            lkas__sleep_ns(slice_ns);
        } else if (waiting == 1) {
            lkas__futex_wait((LKAS_ATOMIC(uint32_t) *)(uintptr_t)waiters[0].address, (uint32_t)waiters[0].value, slice_ns);
        } else {
            lkas__futex_wait_any(waiters, waiting, slice_ns);
        }
    }
    for (int i = 0; i < count; ++i)
        if (awaited[i].channel) lkas__add(&awaited[i].channel->header->waiters, UINT32_MAX, seq_cst); /* minus 1 */
}

/* How long this reader may sleep before it must look up the name again. */
static inline int64_t lkas_slice_ns(const lkas_reader *reader) {
    return reader->is_searching ? reader->probe_gap_ns : LKAS_SLICE_NS;
}

/* Poll for something other than `last` for `spin_ns`: 1 when there is. */
static inline int lkas_spin(const lkas_channel *channel, uint64_t last, int64_t spin_ns) {
    if (!channel || spin_ns <= 0) return 0;
    const int64_t until_ns = lkas_now_ns() + spin_ns;
    do {
        for (int i = 0; i < 64; ++i) {
            if (lkas__load(&channel->header->latest, acquire) != last) return 1;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#elif defined(__aarch64__)
            __asm__ volatile("yield");
#endif
        }
    } while (lkas_now_ns() < until_ns);
    return 0;
}

/* Sleep until there is something new, at most `timeout_ns`: 1, 0 when the time is over or the reader is closed. */
static inline int lkas_wait(lkas_reader *reader, int64_t timeout_ns, lkas_error *error) {
    const int64_t until_ns = lkas_now_ns() + timeout_ns;
    if (lkas_follow(reader, error)) return error->code;
    if (lkas_has_new(reader) || lkas_spin(reader->channel, reader->last, reader->spin_ns)) return 1;
    for (;;) {
        int64_t left_ns = until_ns - lkas_now_ns(), slice_ns = lkas_slice_ns(reader);
        if (left_ns <= 0) return 0;
        lkas_awaited awaited = {reader->channel ? lkas_retain(reader->channel) : NULL, reader->last, &reader->is_closed};
        lkas_wait_slice(&awaited, 1, left_ns < slice_ns ? left_ns : slice_ns);
        lkas_release(awaited.channel);
        if (lkas__load(&reader->is_closed, acquire)) return 0;
        if (lkas_follow(reader, error)) return error->code;
        if (lkas_has_new(reader)) return 1;
    }
}

/* From any thread: end the reader's waits, now and later. lkas_close_reader() must still follow. */
static inline void lkas_close_wakes(lkas_reader *reader) {
    lkas_channel *channel = reader->channel;
    lkas__store(&reader->is_closed, 1, seq_cst);
    if (channel && channel->segment.fd >= 0) lkas__raise_wake(channel->header);
}

static inline void lkas_close_reader(lkas_reader *reader) {
    lkas_close_wakes(reader);
    lkas__detach(reader);
}

#endif /* LKAS_WAIT_H */
