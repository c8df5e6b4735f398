/* lkas_bell.h: one bell per name: announces new receivers and room to the senders. */
#ifndef LKAS_BELL_H
#define LKAS_BELL_H

#include "lkas_ring_file.h"

static inline void lkas__bell_raise(lkas_bell_header *bell) {
    if (!lkas__load(&bell->is_watched, seq_cst)) return;
    lkas__store(&bell->is_watched, 0u, seq_cst);
    lkas__add(&bell->wake, 1u, seq_cst);
    lkas__futex_wake(&bell->wake);
}

/* Open the bell of a name, or make it. Every user holds a shared lock; the last one removes the file. */
static inline lkas_ring *lkas_bell_open(const char *path, lkas_error *error) {
    for (int attempt = 0; attempt < 1000; ++attempt) {
        char temporary[LKAS_PATH_BYTES];
        lkas__file file;
        int fd = lkas__open_file(path, LKAS__READ_WRITE), is_new = fd < 0;
        if (is_new && errno != ENOENT) {
            lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot open it: %s", path, strerror(errno));
            return NULL;
        }
        if (is_new) {
            if ((fd = lkas__build(path, F_RDLCK, LKAS_BELL_BYTES, LKAS_BELL_BYTES, temporary, error)) < 0) return NULL;
            lkas_ring *fresh = lkas__ring_map(path, fd, LKAS_BELL_BYTES, error);
            int named = -1;
            if (fresh) {
                lkas_bell_header_of(fresh)->magic = LKAS_BELL_MAGIC;
                lkas_bell_header_of(fresh)->version = LKAS_RING_VERSION;
                named = lkas__name_without_replacing(temporary, path, error);
            } else lkas__close_file(fd);
            if (named == 1) return fresh;
            lkas_ring_release(fresh);
            lkas__remove(temporary);
            if (named < 0) return NULL;
            continue;
        }
        if (lkas__set_lock(fd, F_RDLCK, 0, 1) || lkas__describe(fd, &file) ||
            !lkas__is_named(path, file.device, file.inode)) {
            lkas__close_file(fd); /* its last user is removing it */
            lkas__sleep_ns(100000);
            continue;
        }
        lkas_ring *bell = file.bytes == LKAS_BELL_BYTES ? lkas__ring_map(path, fd, LKAS_BELL_BYTES, error) : NULL;
        if (bell && lkas_bell_header_of(bell)->magic == LKAS_BELL_MAGIC &&
            lkas_bell_header_of(bell)->version == LKAS_RING_VERSION)
            return bell;
        if (bell) lkas_ring_release(bell);
        else lkas__close_file(fd);
        lkas__fail(error, LKAS_E_NOT_A_SEGMENT, "%s: not made by sockets of this version; remove it", path);
        return NULL;
    }
    lkas__fail(error, LKAS_E_SYSTEM, "%s: stays locked by a process that does not finish removing it", path);
    return NULL;
}

/* The number of changes in membership so far. */
static inline uint32_t lkas_bell_members(const lkas_ring *bell) {
    return lkas__load(&lkas_bell_header_of(bell)->members, seq_cst);
}

/* Announce that the receivers of this name have changed. */
static inline void lkas_bell_announce(lkas_ring *bell) {
    lkas__add(&lkas_bell_header_of(bell)->members, 1u, seq_cst);
    lkas__bell_raise(lkas_bell_header_of(bell));
}

/* Call before looking for room or receivers: returns the word that lkas_bell_wait() needs to notice later changes. */
static inline uint32_t lkas_bell_watch(lkas_ring *bell) {
    lkas__store(&lkas_bell_header_of(bell)->is_watched, 1u, seq_cst);
    return lkas__load(&lkas_bell_header_of(bell)->wake, seq_cst);
}

static inline void lkas_bell_wait(lkas_ring *bell, uint32_t watched, int64_t duration_ns) {
    if (lkas__load(&bell->is_closed, seq_cst)) return;
    lkas__futex_wait(&lkas_bell_header_of(bell)->wake, watched, duration_ns);
}

/* From any thread: end this process's waits. The waits of other processes end too; these wait again. */
static inline void lkas_bell_close_wakes(lkas_ring *bell) {
    lkas__store(&bell->is_closed, 1, seq_cst);
    if (lkas_ring_is_foreign(bell)) return;
    lkas__store(&lkas_bell_header_of(bell)->is_watched, 1u, seq_cst);
    lkas__bell_raise(lkas_bell_header_of(bell));
}

/* Stop being a user: 1 when this was the last one. Then the bell cannot be opened until lkas_bell_close(). */
static inline int lkas_bell_leave(lkas_ring *bell) {
    if (lkas_ring_is_foreign(bell) || bell->segment.fd < 0) return 0;
    lkas__set_lock(bell->segment.fd, F_UNLCK, 0, 1); /* or each of two that leave together would see the other one stay */
    return lkas__set_lock(bell->segment.fd, F_WRLCK, 0, 1) == 0;
}

static inline void lkas_bell_close(lkas_ring *bell) {
    if (lkas_bell_leave(bell) && lkas__is_named(bell->path, bell->segment.device, bell->segment.inode)) lkas__remove(bell->path);
    lkas__unlock_segment(&bell->segment);
}

#endif /* LKAS_BELL_H */
