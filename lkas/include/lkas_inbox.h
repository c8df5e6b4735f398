/* lkas_inbox.h: the receiving end of an inbox: create or adopt, take and release messages, wait, close. */
#ifndef LKAS_INBOX_H
#define LKAS_INBOX_H

#include "lkas_bell.h"
#include "lkas_turn.h"

/* Create an inbox at `path`: NULL and LKAS_E_WRITER_EXISTS when the name is taken. */
static inline lkas_ring *lkas_inbox_create(const char *path, uint32_t slots, uint64_t capacity, lkas_error *error) {
    char temporary[LKAS_PATH_BYTES];
    if (slots < 1 || slots > LKAS_RING_MAX_SLOTS || capacity < 1 || capacity > (UINT64_C(1) << 40)) {
        lkas__fail(error, LKAS_E_ARGUMENT, "an inbox has 1 to %u slots and at least 1 byte, not %u and %llu",
                   LKAS_RING_MAX_SLOTS, slots, (unsigned long long)capacity);
        return NULL;
    }
    const uint64_t arena = (sizeof(lkas_ring_header) + (uint64_t)slots * sizeof(lkas_ring_entry) + 4095) / 4096 * 4096;
    capacity = (capacity + 4095) / 4096 * 4096;
    const uint64_t first = capacity < LKAS_RING_FIRST_BYTES ? capacity : LKAS_RING_FIRST_BYTES;
    int fd = lkas__build(path, F_WRLCK, arena + capacity, arena + first, temporary, error);
    if (fd < 0) return NULL;
    lkas_ring *ring = lkas__ring_map(path, fd, arena + capacity, error);
    if (!ring) {
        lkas__close_file(fd);
        lkas__remove(temporary);
        return NULL;
    }
    lkas_ring_header *header = lkas_ring_header_of(ring);
    ring->slots = slots;
    ring->capacity = capacity;
    ring->arena_offset = arena;
    header->magic = LKAS_RING_MAGIC;
    header->version = LKAS_RING_VERSION;
    header->header_bytes = sizeof *header;
    header->total_bytes = arena + capacity;
    header->capacity = capacity;
    header->arena_offset = arena;
    header->slots = slots;
    header->owner_pid = lkas__process();
    header->allocated = first;
    int named = lkas__name_without_replacing(temporary, path, error);
    if (named == 1) return ring;
    lkas_ring_release(ring);
    lkas__remove(temporary);
    if (named == 0) lkas__fail(error, LKAS_E_WRITER_EXISTS, "%s: the name is taken", path);
    return NULL;
}

static inline lkas_ring *lkas__ring_open(const char *path, lkas_error *error) {
    lkas__file file;
    int fd = lkas__open_file(path, LKAS__READ_WRITE);
    if (fd < 0) {
        lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot open the inbox: %s", path, strerror(errno));
        return NULL;
    }
    lkas_ring *ring = lkas__describe(fd, &file) || (size_t)file.bytes < sizeof(lkas_ring_header)
                          ? NULL
                          : lkas__ring_map(path, fd, (size_t)file.bytes, error);
    if (!ring) {
        lkas__close_file(fd);
        lkas__fail(error, LKAS_E_NOT_A_SEGMENT, "%s: not an inbox; remove it", path);
        return NULL;
    }
    const lkas_ring_header *header = lkas_ring_header_of(ring);
    const uint32_t slots = header->slots;
    const uint64_t capacity = header->capacity, arena = header->arena_offset, bytes = (uint64_t)file.bytes;
    ring->slots = slots;
    ring->capacity = capacity;
    ring->arena_offset = arena;
    if (header->magic == LKAS_RING_MAGIC && header->version == LKAS_RING_VERSION &&
        header->header_bytes == sizeof *header && header->total_bytes == bytes && capacity > 0 && capacity < bytes &&
        arena == bytes - capacity && slots > 0 && slots <= LKAS_RING_MAX_SLOTS &&
        sizeof *header + (uint64_t)slots * sizeof(lkas_ring_entry) <= arena)
        return ring;
    lkas_ring_release(ring);
    lkas__fail(error, LKAS_E_NOT_A_SEGMENT, "%s: not an inbox of this version; remove it", path);
    return NULL;
}

/* Take over the inbox of a dead receiver, with the messages it had not taken: NULL and LKAS_E_WRITER_EXISTS if the
 * receiver lives. */
static inline lkas_ring *lkas_inbox_adopt(const char *path, lkas_error *error) {
    lkas_ring *ring = lkas__ring_open(path, error);
    if (!ring) return NULL;
    lkas_ring_header *header = lkas_ring_header_of(ring);
    if (lkas__set_lock(ring->segment.fd, F_WRLCK, 0, 1)) {
        lkas__fail(error, LKAS_E_WRITER_EXISTS, "%s: belongs to process %u", path, header->owner_pid);
        lkas_ring_release(ring);
        return NULL;
    }
    lkas__ring_sit(ring, 0);
    lkas__inbox_shut(ring); /* no new messages */
    header->owner_pid = lkas__process();
    const uint64_t head = lkas__load(&header->head, seq_cst);
    for (uint64_t position = lkas__load(&header->freed, seq_cst); position < head; ++position)
        lkas__store(&lkas_ring_entry_at(ring, position)->is_released, 1u, relaxed); /* lent to the dead receiver */
    lkas__store(&header->freed, head, seq_cst);
    ring->known_tail = head;
    return ring;
}

static inline int lkas_inbox_has_new(const lkas_ring *ring) {
    const lkas_ring_header *header = lkas_ring_header_of(ring);
    return lkas__load(&header->tail, seq_cst) != lkas__load(&header->head, relaxed);
}

/* The next message, which stays in the arena until lkas_inbox_release(): its entry, or NULL. */
static inline lkas_ring_entry *lkas_inbox_take(lkas_ring *ring, uint64_t *position) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    *position = lkas__load(&header->head, relaxed);
    if (ring->known_tail == *position) ring->known_tail = lkas__load(&header->tail, acquire);
    if (ring->known_tail == *position) return NULL;
    if (ring->known_tail - *position > ring->slots) { /* another program overwrote the positions: start again here */
        ring->known_tail = lkas__load(&header->tail, seq_cst);
        lkas__store(&header->head, ring->known_tail, seq_cst);
        lkas__store(&header->freed, ring->known_tail, seq_cst);
        lkas__add(&header->dropped, 1u, relaxed);
        return NULL;
    }
    lkas_ring_entry *entry = lkas_ring_entry_at(ring, *position);
    if (!lkas_ring_holds(ring, entry->offset, entry->bytes)) entry->offset = entry->bytes = entry->parts = 0;
    lkas__store(&header->head, *position + 1, release);
    return entry;
}

/* Release a message's bytes, in any order; one caller at a time. The bell wakes senders that wait for room, but only
 * when they can fill half of the slots: a wake-up for each message costs more than a short wait. */
static inline void lkas_inbox_release(lkas_ring *ring, uint64_t position, lkas_ring *bell) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    const uint64_t head = lkas__load(&header->head, relaxed);
    uint64_t freed = lkas__load(&header->freed, relaxed);
    if (freed == position && head == position + 1) freed = head; /* the usual case: no message is lent */
    else {
        lkas__store(&lkas_ring_entry_at(ring, position)->is_released, 1u, relaxed);
        if (head - freed > ring->slots) freed = position; /* another program overwrote the positions */
        if (freed != position) return; /* an older message is still in use */
        while (freed < head && lkas__load(&lkas_ring_entry_at(ring, freed)->is_released, relaxed)) ++freed;
    }
    lkas__store(&header->freed, freed, seq_cst);
    if (ring->known_tail - head <= ring->slots / 2) lkas__bell_raise(lkas_bell_header_of(bell));
}

/* Poll for a moment: at full speed, a wake-up costs both sides more. */
static inline int lkas__inbox_look(const lkas_ring *ring) {
    const int64_t until_ns = lkas_now_ns() + LKAS_RING_LOOK_NS;
    do {
        if (lkas_inbox_has_new(ring)) return 1;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
    } while (lkas_now_ns() < until_ns);
    return 0;
}

/* Sleep until there is a message, the inbox is closed, a signal came or the time is over. */
static inline void lkas_inbox_wait(lkas_ring *ring, int64_t duration_ns) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    if (lkas__inbox_look(ring)) return;
    lkas__store(&header->is_asleep, 1u, seq_cst);
    const uint32_t wake = lkas__load(&header->wake, seq_cst);
    if (!lkas_inbox_has_new(ring) && !lkas__load(&ring->is_closed, seq_cst))
        lkas__futex_wait(&header->wake, wake, duration_ns);
    lkas__store(&header->is_asleep, 0u, relaxed);
}

static inline void lkas__inbox_raise(lkas_ring_header *header) {
    lkas__add(&header->wake, 1u, seq_cst);
    lkas__futex_wake(&header->wake);
}

/* From any thread: end the receiver's waits, now and later. */
static inline void lkas_inbox_close_wakes(lkas_ring *ring) {
    lkas__store(&ring->is_closed, 1, seq_cst);
    if (!lkas_ring_is_foreign(ring)) lkas__inbox_raise(lkas_ring_header_of(ring));
}
/* Remove the file and release the lock; lent messages stay readable. An inbox of a parent process is left alone. With
 * `keep_messages`, an inbox that has messages stays, for another receiver to adopt. */
static inline void lkas_inbox_close(lkas_ring *ring, lkas_ring *bell, int keep_messages) {
    if (lkas_ring_is_foreign(ring) || ring->segment.fd < 0) return;
    lkas__inbox_shut(ring);
    if (!(keep_messages && lkas_inbox_has_new(ring)) && lkas__is_named(ring->path, ring->segment.device, ring->segment.inode))
        lkas__remove(ring->path);
    lkas__unlock_segment(&ring->segment);
    lkas_bell_announce(bell);
}

#endif /* LKAS_INBOX_H */
