/* lkas_ring.h: inboxes of whole messages in shared memory. One receiver owns an inbox, any number of senders fill it.
 *
 * The basis of lkas.integration.shared_memory.sockets: knows bytes, positions and atomics, no Python and no pattern.
 * C11 or C++17, 64 bit; locks, futex and errors come from lkas_channel.h.
 *
 *   receiver   lkas_inbox_create() or lkas_inbox_adopt(), lkas_inbox_take() .. lkas_inbox_release(), lkas_inbox_close()
 *   sender     lkas_ring_attach(), lkas_ring_lock(), lkas_ring_claim(), lkas_ring_commit()
 *   both       lkas_bell_open(), lkas_bell_watch(), lkas_bell_wait(), lkas_bell_announce(), lkas_bell_close()
 *
 * An inbox is one file: header, entries, arena. Messages are numbered by position; entry `position % slots` says where
 * in the arena it lies. The arena is handed out first in, first out. It grows only when what is allocated has no room,
 * so that a receiver that keeps up works in a few warm pages, however long the stream.
 *
 * Speed. What one side stores for each message lies apart from what the other side stores, and is looked up again only
 * when what was seen before is used up: a full flow moves a message's own two cache lines, and no others, between the
 * processors. Whoever waits for room is told when half of the messages are taken, not after each.
 *
 * Dying. Senders take turns: `turn` names the seat of the one that writes. A seat is a byte of the file, locked for as
 * long as its owner lives (byte 0 the receiver's, from LKAS_RING_SEATS_AT on the senders'), so whoever waits can see
 * that a turn is a dead one's, and ends it, with the lock of that seat in hand lest a newcomer take it meanwhile. All
 * that senders decide follows from entries [freed, tail), and the store of `tail` is the only step that counts: a sender
 * that dies before it has done nothing.
 *
 * What the memory model promises. `tail` is stored with release after entry and bytes and loaded with acquire before
 * they are read; `freed` likewise in the other direction, so nobody overwrites bytes that are still being read.
 * Whoever sleeps says so, then looks; whoever brings news stores them, then looks for sleepers: all four seq_cst.
 */
#ifndef LKAS_RING_H
#define LKAS_RING_H

#include "lkas_channel.h"

#define LKAS_RING_MAGIC UINT32_C(0x474e524c) /* "LRNG" in memory */
#define LKAS_BELL_MAGIC UINT32_C(0x4c4c424c) /* "LBLL" in memory */
#define LKAS_RING_VERSION 2u
#define LKAS_BELL_BYTES 4096
#define LKAS_RING_ALIGN 64u
#define LKAS_RING_MAX_SLOTS (1u << 20)
#define LKAS_RING_FIRST_BYTES (UINT64_C(64) << 10) /* of the arena, allocated when the inbox is made */
#define LKAS_RING_PLAIN 3u         /* the kind of an entry whose one part is the item itself: raw bytes */
#define LKAS_RING_SEATS 4096u      /* senders of one inbox */
#define LKAS_RING_SEATS_AT 4096u   /* their first lock byte */
#define LKAS_RING_TURN_NS INT64_C(250000000) /* the longest a sender waits for another one to finish its copy */
#define LKAS_RING_TURN_SLEEP_NS INT64_C(50000) /* between two looks whether it has */
#define LKAS_RING_LOOK_NS INT64_C(5000) /* before a sleep: less than going to sleep and being woken take */

enum { LKAS_RING_OPEN = 0, LKAS_RING_CLOSED = 1 };

/* What lkas_ring_claim() says besides LKAS_OK. */
enum { LKAS_RING_FULL = 1, LKAS_RING_GONE = 2, LKAS_RING_TOO_LARGE = 3 };

typedef struct lkas_ring_entry {
    uint64_t offset, bytes; /* in the arena; bytes as asked for */
    uint64_t sender;        /* inbox that an answer goes to, 0: none */
    uint64_t request;       /* number that an answer repeats */
    uint32_t kind, parts;
    LKAS_ATOMIC(uint32_t) is_released;
    uint32_t spare[5];
} lkas_ring_entry;

typedef struct lkas_ring_header {
    uint32_t magic, version;
    uint64_t total_bytes, capacity, arena_offset;
    uint32_t slots, header_bytes;
    uint32_t owner_pid, spare;
    /* Senders, under the turn. */
    alignas(64) LKAS_ATOMIC(uint32_t) turn;   /* seat + 1 of who writes, 0: nobody */
    uint64_t allocated;                       /* bytes of the arena that have blocks */
    LKAS_ATOMIC(uint64_t) known_freed;        /* `freed` when a sender last looked */
    alignas(64) LKAS_ATOMIC(uint64_t) tail;   /* next to send */
    /* The receiver. */
    alignas(64) LKAS_ATOMIC(uint64_t) head;   /* next to take */
    LKAS_ATOMIC(uint64_t) freed;              /* first whose bytes are still in use */
    /* Both, seldom stored. */
    alignas(64) LKAS_ATOMIC(uint32_t) state;
    LKAS_ATOMIC(uint32_t) wake; /* futex word */
    LKAS_ATOMIC(uint32_t) is_asleep;
    LKAS_ATOMIC(uint64_t) dropped; /* messages that found no room here */
} lkas_ring_header;

/* One per name: tells senders of new receivers and of room. */
typedef struct lkas_bell_header {
    uint32_t magic, version;
    alignas(64) LKAS_ATOMIC(uint32_t) wake; /* futex word */
    LKAS_ATOMIC(uint32_t) is_watched;
    LKAS_ATOMIC(uint32_t) members; /* counts changes of membership */
} lkas_bell_header;

static_assert(sizeof(lkas_ring_entry) == 64, "one cache line per message");
static_assert(sizeof(lkas_ring_header) % 64 == 0, "entries start on a cache line");

/* A mapped file of either sort. Counted: messages lent out keep it mapped. */
typedef struct lkas_ring {
    char path[LKAS_PATH_BYTES];
    void *mapping;
    size_t mapped_bytes;
    uint64_t device, inode;
    int fd; /* holds the lock; -1 when given up */
    uint32_t seat; /* lock byte that is its own, where it may write */
    int64_t alive_ns;    /* sender: when the receiver was last seen alive, coarse clock */
    uint64_t known_tail; /* receiver: `tail` when it last looked */
    unsigned forks;
    LKAS_ATOMIC(int) is_closed, users;
    struct lkas_ring *next, *previous;
} lkas_ring;

typedef struct lkas_ring_room {
    uint64_t position, offset, bytes;
    char *place;
} lkas_ring_room;

static inline lkas_ring_header *lkas_ring_header_of(const lkas_ring *ring) { return (lkas_ring_header *)ring->mapping; }
static inline lkas_bell_header *lkas_bell_header_of(const lkas_ring *bell) { return (lkas_bell_header *)bell->mapping; }

static inline lkas_ring_entry *lkas_ring_entry_at(const lkas_ring *ring, uint64_t position) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    return (lkas_ring_entry *)((char *)header + sizeof *header) + position % header->slots;
}

static inline char *lkas_ring_bytes(const lkas_ring *ring, const lkas_ring_entry *entry) {
    return (char *)ring->mapping + lkas_ring_header_of(ring)->arena_offset + entry->offset;
}

static inline uint64_t lkas__ring_rounded(uint64_t bytes) {
    return bytes ? (bytes + LKAS_RING_ALIGN - 1) / LKAS_RING_ALIGN * LKAS_RING_ALIGN : LKAS_RING_ALIGN;
}

/* ------------------------------------------------------------------ mapping, forks */

static lkas_ring *lkas__rings; /* every open one, for the child of a fork */
static LKAS_ATOMIC(int) lkas__rings_lock;
static unsigned lkas__ring_forks;

static inline void lkas__lock_rings(void) {
    int unlocked = 0;
    while (!lkas__swap_if(&lkas__rings_lock, &unlocked, 1)) unlocked = 0;
}

static inline void lkas__unlock_rings(void) { lkas__store(&lkas__rings_lock, 0, release); }

/* A child shares the parent's open files and would keep its locks alive after the parent's death: close them. */
static inline void lkas__rings_in_child(void) {
    ++lkas__ring_forks;
    for (lkas_ring *ring = lkas__rings; ring; ring = ring->next) {
        if (ring->fd >= 0) lkas__close_file(ring->fd);
        ring->fd = -1;
    }
    lkas__unlock_rings();
}

/* Opened by a parent process: not ours to touch. */
static inline int lkas_ring_is_foreign(const lkas_ring *ring) { return ring->forks != lkas__ring_forks; }

static inline lkas_ring *lkas__ring_map(const char *path, int fd, size_t bytes, lkas_error *error) {
    static int is_told_of_forks;
    lkas__file file;
    lkas_ring *ring = (lkas_ring *)calloc(1, sizeof *ring);
    if (!ring || lkas__describe(fd, &file) || !(ring->mapping = lkas__map_file(fd, bytes, 1))) {
        lkas__fail(error, LKAS_E_SYSTEM, "%s: can not map %llu bytes: %s", path, (unsigned long long)bytes,
                   strerror(errno));
        free(ring);
        return NULL;
    }
    snprintf(ring->path, sizeof ring->path, "%s", path);
    ring->mapped_bytes = bytes;
    ring->device = file.device;
    ring->inode = file.inode;
    ring->fd = fd;
    lkas__store(&ring->users, 1, relaxed);
    lkas__lock_rings();
    if (!is_told_of_forks) is_told_of_forks = lkas__call_after_fork(lkas__rings_in_child);
    ring->forks = lkas__ring_forks;
    ring->next = lkas__rings;
    if (ring->next) ring->next->previous = ring;
    lkas__rings = ring;
    lkas__unlock_rings();
    return ring;
}

static inline lkas_ring *lkas_ring_retain(lkas_ring *ring) {
    lkas__add(&ring->users, 1, relaxed);
    return ring;
}

/* Give the lock up; the mapping stays. */
static inline void lkas__ring_leave(lkas_ring *ring) {
    lkas__lock_rings();
    if (ring->fd >= 0) {
        lkas__set_lock(ring->fd, F_UNLCK, 0, 0); /* not just closed: a copy may live in a process being forked */
        lkas__close_file(ring->fd);
    }
    ring->fd = -1;
    lkas__unlock_rings();
}

static inline void lkas_ring_drop(lkas_ring *ring) {
    if (!ring || lkas__add(&ring->users, -1, acq_rel) != 1) return;
    lkas__ring_leave(ring);
    lkas__unmap(ring->mapping, ring->mapped_bytes);
    lkas__lock_rings();
    if (ring->previous) ring->previous->next = ring->next;
    else lkas__rings = ring->next;
    if (ring->next) ring->next->previous = ring->previous;
    lkas__unlock_rings();
    free(ring);
}

/* A locked file with a temporary name, its size set and its first blocks allocated: its descriptor, or an error. */
static inline int lkas__ring_build(const char *path, short lock, uint64_t bytes, uint64_t first_bytes,
                                   char temporary[LKAS_PATH_BYTES], lkas_error *error) {
    static LKAS_ATOMIC(uint32_t) counter;
    int length = snprintf(temporary, LKAS_PATH_BYTES, "%s.new-%d-%u", path, (int)lkas__process(),
                          (unsigned)lkas__add(&counter, 1u, relaxed));
    if (length < 0 || length >= LKAS_PATH_BYTES)
        return lkas__fail(error, LKAS_E_ARGUMENT, "%s: the path is longer than %d bytes", path, LKAS_PATH_BYTES);
    int fd = lkas__open_file(temporary, LKAS__CREATE), result = 0;
    if (fd < 0) return lkas__fail(error, LKAS_E_SYSTEM, "%s: can not create it: %s", temporary, strerror(errno));
    if (lkas__set_lock(fd, lock, 0, 1)) result = errno;
    if (!result) result = lkas__set_size(fd, bytes);
    if (!result) result = lkas__allocate(fd, 0, first_bytes);
    if (!result) return fd;
    errno = result;
    lkas__fail(error, result == ENOSPC ? LKAS_E_SPACE : LKAS_E_SYSTEM,
               "%s: can not make it: needs %llu bytes, free are %llu: %s", path, (unsigned long long)first_bytes,
               (unsigned long long)lkas__free_bytes(fd), strerror(result));
    lkas__close_file(fd);
    lkas__remove(temporary);
    return error->code;
}

/* ------------------------------------------------------------------ bell */

static inline void lkas__bell_raise(lkas_bell_header *bell) {
    if (!lkas__load(&bell->is_watched, seq_cst)) return;
    lkas__store(&bell->is_watched, 0u, seq_cst);
    lkas__add(&bell->wake, 1u, seq_cst);
    lkas__futex_wake(&bell->wake);
}

/* Open the bell of a name, or make it. Everybody holds a shared lock; the last one takes the file away. */
static inline lkas_ring *lkas_bell_open(const char *path, lkas_error *error) {
    for (int attempt = 0; attempt < 1000; ++attempt) {
        char temporary[LKAS_PATH_BYTES];
        lkas__file file;
        int fd = lkas__open_file(path, LKAS__READ_WRITE), is_new = fd < 0;
        if (is_new && errno != ENOENT) {
            lkas__fail(error, LKAS_E_SYSTEM, "%s: can not open it: %s", path, strerror(errno));
            return NULL;
        }
        if (is_new) {
            if ((fd = lkas__ring_build(path, F_RDLCK, LKAS_BELL_BYTES, LKAS_BELL_BYTES, temporary, error)) < 0) return NULL;
            lkas_ring *fresh = lkas__ring_map(path, fd, LKAS_BELL_BYTES, error);
            int named = -1;
            if (fresh) {
                lkas_bell_header_of(fresh)->magic = LKAS_BELL_MAGIC;
                lkas_bell_header_of(fresh)->version = LKAS_RING_VERSION;
                named = lkas__name_without_replacing(temporary, path, error);
            } else lkas__close_file(fd);
            if (named == 1) return fresh;
            lkas_ring_drop(fresh);
            lkas__remove(temporary);
            if (named < 0) return NULL;
            continue;
        }
        if (lkas__set_lock(fd, F_RDLCK, 0, 1) || lkas__describe(fd, &file) ||
            !lkas__is_named(path, file.device, file.inode)) {
            lkas__close_file(fd); /* its last user is taking it away */
            lkas__sleep_ns(100000);
            continue;
        }
        lkas_ring *bell = file.bytes == LKAS_BELL_BYTES ? lkas__ring_map(path, fd, LKAS_BELL_BYTES, error) : NULL;
        if (bell && lkas_bell_header_of(bell)->magic == LKAS_BELL_MAGIC &&
            lkas_bell_header_of(bell)->version == LKAS_RING_VERSION)
            return bell;
        if (bell) lkas_ring_drop(bell);
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

/* Say that the receivers of this name have changed. */
static inline void lkas_bell_announce(lkas_ring *bell) {
    lkas__add(&lkas_bell_header_of(bell)->members, 1u, seq_cst);
    lkas__bell_raise(lkas_bell_header_of(bell));
}

/* Before looking for room or receivers: what lkas_bell_wait() needs to notice all that comes after. */
static inline uint32_t lkas_bell_watch(lkas_ring *bell) {
    lkas__store(&lkas_bell_header_of(bell)->is_watched, 1u, seq_cst);
    return lkas__load(&lkas_bell_header_of(bell)->wake, seq_cst);
}

static inline void lkas_bell_wait(lkas_ring *bell, uint32_t watched, int64_t duration_ns) {
    if (lkas__load(&bell->is_closed, seq_cst)) return;
    lkas__futex_wait(&lkas_bell_header_of(bell)->wake, watched, duration_ns);
}

/* From any thread: end this process's waits. They end everybody's, who then wait again. */
static inline void lkas_bell_close_wakes(lkas_ring *bell) {
    lkas__store(&bell->is_closed, 1, seq_cst);
    if (lkas_ring_is_foreign(bell)) return;
    lkas__store(&lkas_bell_header_of(bell)->is_watched, 1u, seq_cst);
    lkas__bell_raise(lkas_bell_header_of(bell));
}

/* Stop being a user: 1 when this was the last one. Then nobody can open the bell until lkas_bell_close(). */
static inline int lkas_bell_leave(lkas_ring *bell) {
    if (lkas_ring_is_foreign(bell) || bell->fd < 0) return 0;
    lkas__set_lock(bell->fd, F_UNLCK, 0, 1); /* or two that leave together would each see the other one stay */
    return lkas__set_lock(bell->fd, F_WRLCK, 0, 1) == 0;
}

static inline void lkas_bell_close(lkas_ring *bell) {
    if (lkas_bell_leave(bell) && lkas__is_named(bell->path, bell->device, bell->inode)) lkas__remove(bell->path);
    lkas__ring_leave(bell);
}

/* ------------------------------------------------------------------ taking turns */

/* With its own seat in hand: a turn under that name is one of a dead owner of the seat. */
static inline void lkas__ring_sit(lkas_ring *ring, uint32_t seat) {
    uint32_t own = seat + 1;
    ring->seat = seat;
    lkas__swap_if(&lkas_ring_header_of(ring)->turn, &own, 0u);
}

/* End the turn of a sender that died in it: it had published nothing. */
static inline void lkas__ring_relieve(lkas_ring *ring) {
    uint32_t turn = lkas__load(&lkas_ring_header_of(ring)->turn, seq_cst);
    if (turn == 0 || turn == ring->seat + 1 || lkas__first_locked(ring->fd, turn - 1, 1) >= 0) return;
    if (lkas__set_lock(ring->fd, F_WRLCK, turn - 1, 1)) return; /* whose seat it is by now ends it */
    const uint32_t seat = turn - 1;
    lkas__swap_if(&lkas_ring_header_of(ring)->turn, &turn, 0u);
    lkas__set_lock(ring->fd, F_UNLCK, seat, 1);
}

/* Take the turn: LKAS_OK, or LKAS_RING_FULL when a sender that has it does not finish. `duration_ns` 0: do not wait. */
static inline int lkas_ring_lock(lkas_ring *ring, int64_t duration_ns) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    const int64_t begin_ns = duration_ns > 0 ? lkas_now_ns() : 0;
    for (;;) {
        uint32_t nobody = 0;
        if (lkas__swap_if(&header->turn, &nobody, ring->seat + 1)) return LKAS_OK;
        const int64_t waited_ns = duration_ns > 0 ? lkas_now_ns() - begin_ns : 0;
        if (waited_ns >= duration_ns || ring->fd < 0) return LKAS_RING_FULL;
        if (waited_ns < LKAS_RING_LOOK_NS) continue; /* a turn is short, unless its owner was interrupted */
        lkas__ring_relieve(ring);
        lkas__sleep_ns(LKAS_RING_TURN_SLEEP_NS);
    }
}

static inline void lkas__ring_unlock(lkas_ring_header *header) {
    lkas__store(&header->turn, 0u, release); /* pairs with the next sender's taking it */
}

/* Refuse further messages; senders find the inbox gone. */
static inline void lkas__inbox_shut(lkas_ring *ring) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    const int has_turn = lkas_ring_lock(ring, LKAS_RING_TURN_NS) == LKAS_OK;
    lkas__store(&header->state, (uint32_t)LKAS_RING_CLOSED, seq_cst);
    if (has_turn) lkas__ring_unlock(header);
}

/* ------------------------------------------------------------------ receiver */

/* Make an inbox at `path`: NULL and LKAS_E_WRITER_EXISTS when the name is taken. */
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
    int fd = lkas__ring_build(path, F_WRLCK, arena + capacity, arena + first, temporary, error);
    if (fd < 0) return NULL;
    lkas_ring *ring = lkas__ring_map(path, fd, arena + capacity, error);
    if (!ring) {
        lkas__close_file(fd);
        lkas__remove(temporary);
        return NULL;
    }
    lkas_ring_header *header = lkas_ring_header_of(ring);
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
    lkas_ring_drop(ring);
    lkas__remove(temporary);
    if (named == 0) lkas__fail(error, LKAS_E_WRITER_EXISTS, "%s: the name is taken", path);
    return NULL;
}

static inline lkas_ring *lkas__ring_open(const char *path, lkas_error *error) {
    lkas__file file;
    int fd = lkas__open_file(path, LKAS__READ_WRITE);
    if (fd < 0) {
        lkas__fail(error, LKAS_E_SYSTEM, "%s: can not open the inbox: %s", path, strerror(errno));
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
    if (header->magic == LKAS_RING_MAGIC && header->version == LKAS_RING_VERSION &&
        header->header_bytes == sizeof *header && header->total_bytes == (uint64_t)file.bytes &&
        header->arena_offset + header->capacity == header->total_bytes && header->slots > 0 &&
        sizeof *header + (uint64_t)header->slots * sizeof(lkas_ring_entry) <= header->arena_offset)
        return ring;
    lkas_ring_drop(ring);
    lkas__fail(error, LKAS_E_NOT_A_SEGMENT, "%s: not an inbox of this version; remove it", path);
    return NULL;
}

/* Take over the inbox of a receiver that is gone, with what it had not taken: NULL and LKAS_E_WRITER_EXISTS if it
 * lives. */
static inline lkas_ring *lkas_inbox_adopt(const char *path, lkas_error *error) {
    lkas_ring *ring = lkas__ring_open(path, error);
    if (!ring) return NULL;
    lkas_ring_header *header = lkas_ring_header_of(ring);
    if (lkas__set_lock(ring->fd, F_WRLCK, 0, 1)) {
        lkas__fail(error, LKAS_E_WRITER_EXISTS, "%s: belongs to process %u", path, header->owner_pid);
        lkas_ring_drop(ring);
        return NULL;
    }
    lkas__ring_sit(ring, 0);
    lkas__inbox_shut(ring); /* it gets no new ones */
    header->owner_pid = lkas__process();
    const uint64_t head = lkas__load(&header->head, seq_cst);
    for (uint64_t position = lkas__load(&header->freed, seq_cst); position < head; ++position)
        lkas__store(&lkas_ring_entry_at(ring, position)->is_released, 1u, relaxed); /* lent to the dead one */
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
    lkas__store(&header->head, *position + 1, release);
    return lkas_ring_entry_at(ring, *position);
}

/* Give a message's bytes back, in any order; one caller at a time. The bell tells senders that wait for room, but not
 * before they can fill half of the slots at once: to be woken for each message costs more than to wait a little. */
static inline void lkas_inbox_release(lkas_ring *ring, uint64_t position, lkas_ring *bell) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    const uint64_t head = lkas__load(&header->head, relaxed);
    uint64_t freed = lkas__load(&header->freed, relaxed);
    if (freed == position && head == position + 1) freed = head; /* as ever, when nothing is lent */
    else {
        lkas__store(&lkas_ring_entry_at(ring, position)->is_released, 1u, relaxed);
        if (freed != position) return; /* an older one is still in use */
        while (freed < head && lkas__load(&lkas_ring_entry_at(ring, freed)->is_released, relaxed)) ++freed;
    }
    lkas__store(&header->freed, freed, seq_cst);
    if (ring->known_tail - head <= header->slots / 2) lkas__bell_raise(lkas_bell_header_of(bell));
}

/* A sender in full flow goes on: to be woken by it costs both sides more than a short look. */
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

/* ------------------------------------------------------------------ sender */

/* Whether somebody owns the inbox: what the lock says now. */
static inline int lkas_ring_is_alive(lkas_ring *ring) {
    return lkas__load(&lkas_ring_header_of(ring)->state, seq_cst) == LKAS_RING_OPEN && ring->fd >= 0 &&
           lkas__first_locked(ring->fd, 0, 1) >= 0;
}

/* Open the inbox of somebody else, and take a seat among its senders. */
static inline lkas_ring *lkas_ring_attach(const char *path, lkas_error *error) {
    lkas_ring *ring = lkas__ring_open(path, error);
    for (uint32_t seat = LKAS_RING_SEATS_AT; ring && seat < LKAS_RING_SEATS_AT + LKAS_RING_SEATS; ++seat)
        if (lkas__set_lock(ring->fd, F_WRLCK, seat, 1) == 0) {
            lkas__ring_sit(ring, seat);
            return ring;
        }
    if (!ring) return NULL;
    lkas__fail(error, LKAS_E_READERS, "%s: %u senders use this inbox, more have no place", path, LKAS_RING_SEATS);
    lkas_ring_drop(ring);
    return NULL;
}

/* Where `room` bytes fit behind the newest message, within the first `limit` bytes of the arena, while messages from
 * `freed` on are in use; from the entries alone: LKAS_OK or LKAS_RING_FULL. */
static inline int lkas__ring_place(const lkas_ring *ring, uint64_t room, uint64_t freed, uint64_t limit,
                                   uint64_t *offset) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    const uint64_t tail = lkas__load(&header->tail, relaxed);
    *offset = 0;
    if (tail - freed >= header->slots) return LKAS_RING_FULL;
    if (tail == freed) return room <= limit ? (int)LKAS_OK : (int)LKAS_RING_FULL;
    const lkas_ring_entry *oldest = lkas_ring_entry_at(ring, freed), *newest = lkas_ring_entry_at(ring, tail - 1);
    const uint64_t end = newest->offset + lkas__ring_rounded(newest->bytes);
    if (newest->offset >= oldest->offset) { /* used: oldest to end; free: behind and before */
        if (room <= limit - end) *offset = end;
        else if (room > oldest->offset) return LKAS_RING_FULL;
        return LKAS_OK;
    }
    *offset = end; /* wrapped: free is what lies between */
    return room <= oldest->offset - end ? (int)LKAS_OK : (int)LKAS_RING_FULL;
}

/* The first place that will do: among what was free before, what is free now, what is not allocated yet. */
static inline int lkas__ring_find(lkas_ring *ring, uint64_t room, uint64_t *offset) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    uint64_t freed = lkas__load(&header->known_freed, relaxed);
    if (lkas__ring_place(ring, room, freed, header->allocated, offset) == LKAS_OK) return LKAS_OK;
    freed = lkas__load(&header->freed, seq_cst);
    lkas__store(&header->known_freed, freed, relaxed);
    if (lkas__ring_place(ring, room, freed, header->allocated, offset) == LKAS_OK) return LKAS_OK;
    return lkas__ring_place(ring, room, freed, header->capacity, offset);
}

static inline int lkas__ring_grow(lkas_ring *ring, uint64_t needed, lkas_error *error) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    if (needed <= header->allocated) return LKAS_OK;
    uint64_t wanted = needed > 2 * header->allocated ? needed : 2 * header->allocated;
    if (wanted > header->capacity) wanted = header->capacity;
    const uint64_t start = header->arena_offset + header->allocated;
    if (lkas__allocate(ring->fd, start, wanted - header->allocated)) {
        int result = lkas__allocate(ring->fd, start, needed - header->allocated);
        if (result)
            return lkas__fail(error, LKAS_E_SPACE, "%s: no room for %llu more bytes: %s", ring->path,
                              (unsigned long long)(needed - header->allocated), strerror(result));
        wanted = needed;
    }
    header->allocated = wanted;
    return LKAS_OK;
}

/* With the turn: room for a message. LKAS_OK: fill `claim->place`, then commit. Else the turn is over. */
static inline int lkas_ring_claim(lkas_ring *ring, uint64_t bytes, lkas_ring_room *claim, lkas_error *error) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    int result = LKAS_OK;
    if (lkas__load(&header->state, seq_cst) != LKAS_RING_OPEN) result = LKAS_RING_GONE;
    else if (bytes > header->capacity) result = LKAS_RING_TOO_LARGE;
    else result = lkas__ring_find(ring, lkas__ring_rounded(bytes), &claim->offset);
    if (result == LKAS_OK) result = lkas__ring_grow(ring, claim->offset + lkas__ring_rounded(bytes), error);
    if (result != LKAS_OK) {
        lkas__ring_unlock(header);
        return result;
    }
    claim->position = lkas__load(&header->tail, relaxed);
    claim->bytes = bytes;
    claim->place = (char *)ring->mapping + header->arena_offset + claim->offset;
    return LKAS_OK;
}

static inline void lkas_ring_commit(lkas_ring *ring, const lkas_ring_room *claim, uint32_t kind, uint32_t parts,
                                    uint64_t sender, uint64_t request) {
    lkas_ring_header *header = lkas_ring_header_of(ring);
    lkas_ring_entry *entry = lkas_ring_entry_at(ring, claim->position);
    entry->offset = claim->offset;
    entry->bytes = claim->bytes;
    entry->sender = sender;
    entry->request = request;
    entry->kind = kind;
    entry->parts = parts;
    lkas__store(&entry->is_released, 0u, relaxed);
    lkas__store(&header->tail, claim->position + 1, seq_cst); /* from here on it is sent */
    lkas__ring_unlock(header);
    uint32_t asleep = 1;
    if (lkas__load(&header->is_asleep, seq_cst) && lkas__swap_if(&header->is_asleep, &asleep, 0u))
        lkas__inbox_raise(header);
}

static inline void lkas_ring_count_drop(lkas_ring *ring) {
    lkas__add(&lkas_ring_header_of(ring)->dropped, 1u, relaxed);
}

/* Take the file away and give up the lock; what was lent stays readable. Nothing happens to a parent's inbox.
 * With `keep_messages`, an inbox that has some stays, for somebody else to adopt. */
static inline void lkas_inbox_close(lkas_ring *ring, lkas_ring *bell, int keep_messages) {
    if (lkas_ring_is_foreign(ring) || ring->fd < 0) return;
    lkas__inbox_shut(ring);
    if (!(keep_messages && lkas_inbox_has_new(ring)) && lkas__is_named(ring->path, ring->device, ring->inode))
        lkas__remove(ring->path);
    lkas__ring_leave(ring);
    lkas_bell_announce(bell);
}

#endif /* LKAS_RING_H */
