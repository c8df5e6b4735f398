/* lkas_segment.h: what channels (lkas_channel.h) and inboxes (lkas_ring.h) share: errors, names, and mapped files that
 * are locked, counted and safe across a fork.
 *
 * Locks are open-file-description locks on single bytes of the file. The kernel frees them when their owner dies,
 * however it dies. A file is created under a temporary name, locked and filled, and only then gets its own name.
 */
#ifndef LKAS_SEGMENT_H
#define LKAS_SEGMENT_H

#include "lkas_system.h"

#define LKAS_PATH_BYTES 512
#define LKAS_SLICE_NS INT64_C(100000000) /* the longest sleep before a waiter checks for signals and changes */

/* Results: 1 and 0 are yes and no, negative ones are errors described in lkas_error. */
enum {
    LKAS_OK = 0,
    LKAS_E_SYSTEM = -1,        /* a system call failed: lkas_error.system_errno */
    LKAS_E_WRITER_EXISTS = -2, /* lkas_error.pid holds the lock */
    LKAS_E_SCHEMA = -3,        /* another record type, schema, image shape or layout version */
    LKAS_E_NOT_A_SEGMENT = -4,
    LKAS_E_FULL = -5,          /* every slot is newest or pinned: the message is dropped and counted */
    LKAS_E_READERS = -6,       /* the reader table is full */
    LKAS_E_PINS = -7,          /* this reader holds both its pins */
    LKAS_E_FORKED = -8,        /* opened by a parent process */
    LKAS_E_CLOSED = -9,
    LKAS_E_SPACE = -10,        /* the directory has no room for the segment */
    LKAS_E_ARGUMENT = -11,
    LKAS_E_CLAIMED = -12,      /* a claimed slot is neither published nor abandoned yet */
};

typedef struct lkas_error {
    int code;
    int system_errno;
    int32_t pid;
    char text[768]; /* what, where, expected, found, what to do */
} lkas_error;

/* One mapped file. Counted, and in a list of all for the child of a fork. First member of what maps it. */
typedef struct lkas_segment {
    void *start;
    size_t bytes;
    uint64_t device, inode;
    int fd; /* holds the lock; -1: unlocked and closed */
    unsigned forks;
    LKAS_ATOMIC(int) users;
    LKAS_ATOMIC(int) is_lost; /* 1: its file was cut short; the mapping is zeros */
    struct lkas_segment *next, *previous;
} lkas_segment;

__attribute__((format(LKAS__PRINTF, 3, 4))) static inline int lkas__fail(lkas_error *error, int code, const char *format, ...) {
    va_list arguments;
    error->code = code;
    error->system_errno = errno;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return code;
}

/* The file of a channel or socket: one name for all programs of a user and an instance. Returns 0 when it is too long. */
static inline int lkas_path(char path[LKAS_PATH_BYTES], const char *directory, const char *instance, const char *name) {
    int length = snprintf(path, LKAS_PATH_BYTES, "%s/lkas.%u.%s.%s", directory ? directory : lkas__default_directory(),
                          (unsigned)lkas__user(), instance ? instance : "default", name);
    return length > 0 && length < LKAS_PATH_BYTES;
}

/* ------------------------------------------------------------------ open segments, and forks */

static lkas_segment *lkas__segments; /* every open one */
static LKAS_ATOMIC(int) lkas__segments_lock;
static unsigned lkas__forks; /* between this process and the one that loaded the code */

static inline void lkas__lock_registry(void) {
    int unlocked = 0;
    while (!lkas__swap_if(&lkas__segments_lock, &unlocked, 1)) unlocked = 0;
}

static inline void lkas__unlock_registry(void) { lkas__store(&lkas__segments_lock, 0, release); }

/* A child shares the parent's open files and would keep its locks alive after the parent's death: close them. */
static inline void lkas__after_fork_in_child(void) {
    ++lkas__forks;
    for (lkas_segment *segment = lkas__segments; segment; segment = segment->next) {
        if (segment->fd >= 0) lkas__close_file(segment->fd);
        segment->fd = -1;
    }
    lkas__unlock_registry();
}

/* In a signal handler: when the address lies in a segment whose file was cut short, give it zeros and mark it as lost. */
static inline int lkas__lose_segment(const char *address) {
    for (lkas_segment *segment = lkas__segments; segment; segment = segment->next) {
        const char *start = (const char *)segment->start;
        if (address < start || address >= start + segment->bytes) continue;
        lkas__store(&segment->is_lost, 1, seq_cst);
        return lkas__map_zeros(segment->start, segment->bytes) == 0;
    }
    return 0;
}

static inline int lkas__is_lost(const lkas_segment *segment) { return lkas__load(&segment->is_lost, seq_cst); }

/* A zeroed struct of `struct_bytes` that begins with the segment; NULL: out of memory, or `fd` is no open file. */
static inline void *lkas__new_segment(size_t struct_bytes, int fd, void *start, size_t bytes) {
    static int has_fork_handler, has_fault_handler;
    lkas_segment *segment = (lkas_segment *)calloc(1, struct_bytes);
    lkas__file file;
    if (!segment || lkas__describe(fd, &file)) {
        free(segment);
        return NULL;
    }
    segment->start = start;
    segment->bytes = bytes;
    segment->device = file.device;
    segment->inode = file.inode;
    segment->fd = fd;
    lkas__store(&segment->users, 1, relaxed);
    lkas__lock_registry();
    if (!has_fork_handler) has_fork_handler = lkas__call_after_fork(lkas__after_fork_in_child);
    if (!has_fault_handler) lkas__survive_faults(lkas__lose_segment);
    has_fault_handler = 1;
    segment->forks = lkas__forks;
    segment->next = lkas__segments;
    if (segment->next) segment->next->previous = segment;
    lkas__segments = segment;
    lkas__unlock_registry();
    return segment;
}

static inline void lkas__retain_segment(lkas_segment *segment) { lkas__add(&segment->users, 1, relaxed); }

static inline int lkas__is_last_user(lkas_segment *segment) { return lkas__add(&segment->users, -1, acq_rel) == 1; }

/* Release the lock; the mapping stays. */
static inline void lkas__unlock_segment(lkas_segment *segment) {
    lkas__lock_registry();
    if (segment->fd >= 0) {
        lkas__set_lock(segment->fd, F_UNLCK, 0, 0); /* not just closed: a copy may live in a process being forked */
        lkas__close_file(segment->fd);
    }
    segment->fd = -1;
    lkas__unlock_registry();
}

/* After the last user: unlock, unmap and free. */
static inline void lkas__free_segment(lkas_segment *segment) {
    lkas__unlock_segment(segment);
    lkas__unmap(segment->start, segment->bytes);
    lkas__lock_registry();
    if (segment->previous) segment->previous->next = segment->next;
    else lkas__segments = segment->next;
    if (segment->next) segment->next->previous = segment->previous;
    lkas__unlock_registry();
    free(segment);
}

/* ------------------------------------------------------------------ creating and naming */

static inline int lkas__create_temporary(const char *path, char temporary[LKAS_PATH_BYTES], lkas_error *error) {
    static LKAS_ATOMIC(uint32_t) counter;
    int fd = -1;
    for (int attempt = 0; fd < 0 && attempt < 100; ++attempt) {
        int length = snprintf(temporary, LKAS_PATH_BYTES, "%s.new-%d-%u", path, (int)lkas__process(),
                              (unsigned)lkas__add(&counter, 1u, relaxed));
        if (length < 0 || length >= LKAS_PATH_BYTES)
            return lkas__fail(error, LKAS_E_ARGUMENT, "%s: the path is longer than %d bytes", path, LKAS_PATH_BYTES);
        fd = lkas__open_file(temporary, LKAS__CREATE);
        if (fd < 0 && errno != EEXIST) break;
    }
    if (fd >= 0) return fd;
    return lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot create the segment: %s", temporary, strerror(errno));
}

/* Create a file under a temporary name, with `lock` on byte 0, `bytes` long, blocks for the first `allocated`: its
 * descriptor, or an error. The caller publishes or removes it. */
static inline int lkas__build(const char *path, short lock, uint64_t bytes, uint64_t allocated,
                              char temporary[LKAS_PATH_BYTES], lkas_error *error) {
    const int fd = lkas__create_temporary(path, temporary, error);
    if (fd < 0) return fd;
    int result = lkas__set_lock(fd, lock, 0, 1) ? errno : 0;
    if (!result) result = lkas__set_size(fd, bytes);
    if (!result) result = lkas__allocate(fd, 0, allocated);
    if (!result) return fd;
    errno = result;
    lkas__fail(error, result == ENOSPC ? LKAS_E_SPACE : LKAS_E_SYSTEM,
               "%s: no room for the segment: needs %llu bytes, free are %llu: %s", path, (unsigned long long)allocated,
               (unsigned long long)lkas__free_bytes(fd), strerror(result));
    lkas__close_file(fd);
    lkas__remove(temporary);
    return error->code;
}

/* Give the file its name, unless another one has it: 1 done, 0 the name is taken. */
static inline int lkas__name_without_replacing(const char *temporary, const char *path, lkas_error *error) {
    if (lkas__rename_if_free(temporary, path) == 0) return 1;
    if (errno == EEXIST) return 0;
    return lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot publish the segment: %s", path, strerror(errno));
}

static inline int lkas__is_named(const char *path, uint64_t device, uint64_t inode) {
    lkas__file file;
    return lkas__describe_path(path, &file) == 0 && file.device == device && file.inode == inode;
}

#endif /* LKAS_SEGMENT_H */
