/* lkas_ring_file.h: the files of the sockets: inboxes (header, entries, arena) and bells. */
#ifndef LKAS_RING_FILE_H
#define LKAS_RING_FILE_H

#include "lkas_segment.h"

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
#define LKAS_RING_TURN_NS INT64_C(250000000) /* the longest wait for another sender to finish its copy */
#define LKAS_RING_TURN_SLEEP_NS INT64_C(50000) /* between two checks whether it has */
#define LKAS_RING_LOOK_NS INT64_C(5000) /* of polling before a sleep: less than sleep and wake-up cost */

enum { LKAS_RING_OPEN = 0, LKAS_RING_CLOSED = 1 };

/* Results of lkas_ring_claim() besides LKAS_OK. */
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
    alignas(64) LKAS_ATOMIC(uint32_t) turn;   /* seat + 1 of the sender that writes, 0: none */
    uint64_t allocated;                       /* bytes of the arena that have blocks */
    LKAS_ATOMIC(uint64_t) known_freed;        /* `freed` when a sender last looked */
    alignas(64) LKAS_ATOMIC(uint64_t) tail;   /* next to send */
    /* The receiver. */
    alignas(64) LKAS_ATOMIC(uint64_t) head;   /* next to take */
    LKAS_ATOMIC(uint64_t) freed;              /* first whose bytes are still in use */
    /* Both, rarely stored. */
    alignas(64) LKAS_ATOMIC(uint32_t) state;
    LKAS_ATOMIC(uint32_t) wake; /* futex word */
    LKAS_ATOMIC(uint32_t) is_asleep;
    LKAS_ATOMIC(uint64_t) dropped; /* messages that found no room here */
} lkas_ring_header;

/* One per name: announces new receivers and room to the senders. */
typedef struct lkas_bell_header {
    uint32_t magic, version;
    alignas(64) LKAS_ATOMIC(uint32_t) wake; /* futex word */
    LKAS_ATOMIC(uint32_t) is_watched;
    LKAS_ATOMIC(uint32_t) members; /* counts changes of membership */
} lkas_bell_header;

static_assert(sizeof(lkas_ring_entry) == 64, "one cache line per message");
static_assert(sizeof(lkas_ring_header) % 64 == 0, "entries start on a cache line");


/* An inbox or a bell, mapped. Counted: messages lent out keep it mapped. */
typedef struct lkas_ring {
    lkas_segment segment;
    char path[LKAS_PATH_BYTES];
    uint32_t seat;       /* lock byte that is its own, where it may write */
    int64_t alive_ns;    /* sender: when the receiver was last seen alive, coarse clock */
    uint64_t capacity, arena_offset; /* as judged when it was opened: what damages the file later changes nothing here */
    uint32_t slots;
    uint64_t known_tail; /* receiver: `tail` when it last looked */
    LKAS_ATOMIC(int) is_closed;
} lkas_ring;

typedef struct lkas_ring_room {
    uint64_t position, offset, bytes;
    char *place;
} lkas_ring_room;

static inline lkas_ring_header *lkas_ring_header_of(const lkas_ring *ring) { return (lkas_ring_header *)ring->segment.start; }
static inline lkas_bell_header *lkas_bell_header_of(const lkas_ring *bell) { return (lkas_bell_header *)bell->segment.start; }

static inline lkas_ring_entry *lkas_ring_entry_at(const lkas_ring *ring, uint64_t position) {
    return (lkas_ring_entry *)((char *)ring->segment.start + sizeof(lkas_ring_header)) + position % ring->slots;
}

static inline char *lkas_ring_bytes(const lkas_ring *ring, uint64_t offset) {
    return (char *)ring->segment.start + ring->arena_offset + offset;
}

static inline uint64_t lkas__ring_rounded(uint64_t bytes) {
    return bytes ? (bytes + LKAS_RING_ALIGN - 1) / LKAS_RING_ALIGN * LKAS_RING_ALIGN : LKAS_RING_ALIGN;
}

/* Whether the bytes of an entry lie in the arena: another program may have overwritten it. */
static inline int lkas_ring_holds(const lkas_ring *ring, uint64_t offset, uint64_t bytes) {
    return offset <= ring->capacity && bytes <= ring->capacity - offset;
}

/* Opened by a parent process: must not be touched. */
static inline int lkas_ring_is_foreign(const lkas_ring *ring) { return ring->segment.forks != lkas__forks; }

static inline lkas_ring *lkas__ring_map(const char *path, int fd, size_t bytes, lkas_error *error) {
    void *mapping = lkas__map_file(fd, bytes, 1);
    lkas_ring *ring = mapping ? (lkas_ring *)lkas__new_segment(sizeof *ring, fd, mapping, bytes) : NULL;
    if (!ring) {
        lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot map %llu bytes: %s", path, (unsigned long long)bytes,
                   strerror(errno));
        if (mapping) lkas__unmap(mapping, bytes);
        return NULL;
    }
    const size_t length = strlen(path);
    memcpy(ring->path, path, length < sizeof ring->path ? length : sizeof ring->path - 1); /* zeroed before */
    return ring;
}

static inline lkas_ring *lkas_ring_retain(lkas_ring *ring) {
    lkas__retain_segment(&ring->segment);
    return ring;
}

static inline void lkas_ring_release(lkas_ring *ring) {
    if (ring && lkas__is_last_user(&ring->segment)) lkas__free_segment(&ring->segment);
}

#endif /* LKAS_RING_FILE_H */
