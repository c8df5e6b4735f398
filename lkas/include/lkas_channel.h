/* lkas_channel.h: one writer, any number of readers, the latest value wins, over shared memory.
 *
 * The whole core of the channels. It knows bytes, sizes and atomics, no Python and no message, and serves C11 and
 * C++17 programs alone; `lkas_messages.h` has the records, `lkas_system.h` what differs between systems. Include it
 * before any system header, or define _GNU_SOURCE. 64 bit; Linux first.
 *
 *   writer   lkas_open(), lkas_write() or lkas_claim() .. lkas_publish(), lkas_close_writer()
 *   reader   lkas_reader_init(), lkas_wait(), lkas_read() or lkas_view_begin() .. lkas_view_end(), lkas_close_reader()
 *
 * A segment is one file: a control area (LKAS_CONTROL_BYTES), then slots of a fixed stride. A slot holds a record
 * (small, moved as 8-byte atomic words) and, for images, bulk bytes (large, touched only under a pin).
 *
 * What the memory model promises
 *   record   The writer marks the slot odd, stores the words with release and the even mark with release; a reader
 *            loads mark, words (acquire) and mark again. A reader that sees one word of a newer message therefore
 *            sees its odd mark, or a later one, and tries again. No stand-alone fences.
 *   bulk     A reader stores its pin, then loads the mark; the writer stores the odd mark, then loads the pins; all
 *            four are seq_cst, so at least one of the two sees the other. Either the reader lets go or the writer
 *            gives the slot its old mark back and takes another one. Unpinning is a release that the writer's load
 *            of the pins pairs with: nobody writes bytes that are still being read.
 *   waking   The writer stores `latest`, then looks for waiters and raises `wake` where there are any; a waiter
 *            announces itself, then loads `wake` and `latest`; seq_cst again, so no message falls between looking and
 *            sleeping.
 *
 * With `has_crc` each slot carries the CRC-32 (zlib's) of its record and of its bulk, and readers pass over a message
 * that fails what they read of it, counted. It is for what the above can not see: files that others write to, disks, foreign writers.
 *
 * Locks are open-file-description locks: byte 0 belongs to the writer, byte 1 + i to reader i. The kernel frees
 * them when their owner dies, however it dies. Threads: a reader or writer belongs to one thread at a time; only
 * lkas_close_wakes() may be called from another one.
 */
#ifndef LKAS_CHANNEL_H
#define LKAS_CHANNEL_H

#include "lkas_system.h"

#define LKAS_MAGIC UINT32_C(0x53414b4c) /* "LKAS" in memory */
#define LKAS_LAYOUT_VERSION 1u
#define LKAS_READERS 64
#define LKAS_PINS 2
#define LKAS_MAX_SLOTS 64
#define LKAS_NO_SLOT 0xffu
#define LKAS_CONTROL_BYTES 8192
#define LKAS_SLOT_HEADER_BYTES 64
#define LKAS_MAX_RECORD_BYTES 4096
#define LKAS_PATH_BYTES 512
#define LKAS_NO_STAMPS UINT32_MAX
#define LKAS_FETCHED_LINES 8
#define LKAS_SILENCE_NS INT64_C(100000000)     /* after so much silence a reader looks at the name again */
#define LKAS_SLICE_NS INT64_C(100000000)       /* the longest sleep between two looks around */
#define LKAS_PROBE_MIN_NS INT64_C(1000000)     /* first gap between two looks for a segment that is not there */
#define LKAS_PROBE_MAX_NS INT64_C(50000000)
#define LKAS_MAX_RETRIES 1000                 /* a reader that loses so many races against the writer gives up */

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

/* What a program wants to find in a segment. A reader leaves slots at 0, and image sizes at 0 for "any". */
typedef struct lkas_spec {
    const char *record_type;
    uint64_t schema_hash;
    uint32_t record_bytes; /* a multiple of 8 */
    uint32_t stamp_offset; /* in the record, two words set on publishing: monotonic ns, sequence; or LKAS_NO_STAMPS */
    uint32_t slots;
    uint32_t has_image; /* bulk bytes follow the record: height x width x channels */
    uint32_t height, width, channels;
    uint32_t has_crc; /* the writer's choice; readers follow the segment */
} lkas_spec;

typedef struct lkas_reader_entry {
    alignas(64) LKAS_ATOMIC(uint32_t) pins[LKAS_PINS]; /* slot + 1, or 0 */
    LKAS_ATOMIC(uint32_t) pid;
} lkas_reader_entry;

typedef struct lkas_header {
    /* Written before the segment gets its name, constant from then on. */
    uint32_t magic, layout_version;
    uint64_t schema_hash;
    char record_type[48];
    uint8_t boot_id[16];
    uint64_t total_bytes, slot_stride, bulk_bytes;
    uint32_t slots, record_bytes, stamp_offset, bulk_offset; /* bulk_offset: within a slot */
    uint32_t height, width, channels, pixel_stride;
    uint64_t row_stride;
    uint32_t has_crc;
    /* The writer's state. */
    alignas(64) LKAS_ATOMIC(uint64_t) latest; /* sequence << 8 | slot */
    LKAS_ATOMIC(uint32_t) generation;         /* counts writers */
    LKAS_ATOMIC(uint32_t) replaced;           /* 1: the name means another segment, or nothing, by now */
    LKAS_ATOMIC(uint32_t) writer_pid;         /* who it was last; whether it lives, the lock says */
    LKAS_ATOMIC(uint64_t) drops;
    /* Shared by all. */
    alignas(64) LKAS_ATOMIC(uint32_t) wake; /* the futex word */
    LKAS_ATOMIC(uint32_t) waiters;          /* too high after a waiter was killed: costs a system call, no more */
    LKAS_ATOMIC(uint32_t) reader_limit;     /* entries from here on were never used */
    LKAS_ATOMIC(uint64_t) corrupt;          /* messages that failed their CRC, as found by all readers together */
    lkas_reader_entry readers[LKAS_READERS];
} lkas_header;

typedef struct lkas_slot {
    alignas(LKAS_SLOT_HEADER_BYTES) LKAS_ATOMIC(uint64_t) mark; /* 2 x sequence of a whole message; odd while written */
    LKAS_ATOMIC(int64_t) publish_ns;
    LKAS_ATOMIC(uint32_t) record_crc, bulk_crc; /* where the segment has CRCs */
} lkas_slot;

static_assert(sizeof(void *) == 8 && sizeof(LKAS_ATOMIC(uint64_t)) == 8, "8-byte words must move as one");
static_assert(sizeof(LKAS_ATOMIC(uint32_t)) == 4, "a futex word has 4 bytes");
static_assert(sizeof(lkas_slot) == LKAS_SLOT_HEADER_BYTES, "slot header");
static_assert(sizeof(lkas_reader_entry) == 64, "one cache line per reader");
static_assert(sizeof(lkas_header) <= LKAS_CONTROL_BYTES, "the control area holds the header");
static_assert(offsetof(lkas_header, latest) == 192 && offsetof(lkas_header, wake) == 256, "shared with other programs");
static_assert(offsetof(lkas_header, readers) == 320, "shared with other programs");

/* One mapped segment. Counted: views keep theirs when the reader has moved on to another one. */
typedef struct lkas_segment {
    lkas_header *header;
    size_t mapped_bytes;
    uint64_t device, inode;
    int fd;             /* holds the lock; -1 when it has been given up */
    int reader;         /* index in the reader table, -1: the writer */
    uint32_t held_pins; /* bit p: pin p is in use */
    int is_leaving;     /* gives its lock up with its last pin */
    LKAS_ATOMIC(int) users;
    struct lkas_segment *next, *previous;
} lkas_segment;

typedef struct lkas_writer {
    char path[LKAS_PATH_BYTES];
    lkas_segment *segment; /* NULL: closed */
    uint64_t sequence;     /* of the next message */
    int slot;              /* claimed, or -1 */
    unsigned forks;
    uint64_t device, inode; /* of the segment, for unlinking after closing */
} lkas_writer;

typedef struct lkas_reader {
    char path[LKAS_PATH_BYTES];
    char record_type[48];
    lkas_spec spec;
    lkas_segment *segment; /* NULL: not attached yet */
    uint64_t last;         /* `latest` as read last */
    uint64_t missed;       /* messages that came and went unread */
    uint64_t corrupt;      /* messages that failed their CRC and were passed over */
    uint64_t last_corrupt; /* `latest` of the last of them */
    uint32_t generation;   /* of the writer, when it was read last */
    uint32_t restarts;     /* how often another writer had taken over */
    int is_searching;      /* not attached, or attached to a segment that lost its name */
    int64_t probe_due_ns, probe_gap_ns;
    int64_t spin_ns; /* spin so long before sleeping */
    LKAS_ATOMIC(int) is_closed;
    unsigned forks;
} lkas_reader;

typedef struct lkas_view {
    lkas_segment *segment;
    int pin;
    uint32_t slot;
    uint64_t sequence;
    int64_t publish_ns;
} lkas_view;

/* ------------------------------------------------------------------ small things */

__attribute__((format(LKAS__PRINTF, 3, 4))) static inline int lkas__fail(lkas_error *error, int code, const char *format, ...) {
    va_list arguments;
    error->code = code;
    error->system_errno = errno;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return code;
}

static inline lkas_slot *lkas_slot_at(const lkas_segment *segment, uint32_t slot) {
    return (lkas_slot *)((char *)segment->header + LKAS_CONTROL_BYTES + slot * segment->header->slot_stride);
}

static inline LKAS_ATOMIC(uint64_t) * lkas_slot_record(lkas_slot *slot) {
    return (LKAS_ATOMIC(uint64_t) *)((char *)slot + LKAS_SLOT_HEADER_BYTES);
}

static inline void *lkas_slot_bulk(const lkas_segment *segment, uint32_t slot) {
    return (char *)lkas_slot_at(segment, slot) + segment->header->bulk_offset;
}

/* Where a channel lives: one name for all programs of a user and an instance. Returns 0 when it does not fit. */
static inline int lkas_path(char path[LKAS_PATH_BYTES], const char *directory, const char *instance, const char *name) {
    int length = snprintf(path, LKAS_PATH_BYTES, "%s/lkas.%u.%s.%s", directory ? directory : lkas__default_directory(),
                          (unsigned)lkas__user(), instance ? instance : "default", name);
    return length > 0 && length < LKAS_PATH_BYTES;
}

/* The CRC-32 of Ethernet and zlib, eight bytes at a time. Filled when a segment with CRCs is mapped. */
static uint32_t lkas__crc_table[8][256];

static inline void lkas__fill_crc_table(void) {
    if (lkas__crc_table[0][1]) return;
    for (uint32_t byte = 0; byte < 256; ++byte) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
        lkas__crc_table[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; ++byte)
        for (int i = 1; i < 8; ++i) {
            const uint32_t before = lkas__crc_table[i - 1][byte];
            lkas__crc_table[i][byte] = before >> 8 ^ lkas__crc_table[0][before & 0xff];
        }
}

/* Goes on from the CRC of what came before; 0 to begin with. */
static inline uint32_t lkas__crc(uint32_t crc, const void *content, size_t size) {
    const uint8_t *p = (const uint8_t *)content;
    crc = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = lkas__crc_table[7][crc & 0xff] ^ lkas__crc_table[6][crc >> 8 & 0xff] ^
              lkas__crc_table[5][crc >> 16 & 0xff] ^ lkas__crc_table[4][crc >> 24] ^ lkas__crc_table[3][p[4]] ^
              lkas__crc_table[2][p[5]] ^ lkas__crc_table[1][p[6]] ^ lkas__crc_table[0][p[7]];
    }
    for (; size; --size, ++p) crc = crc >> 8 ^ lkas__crc_table[0][(crc ^ *p) & 0xff];
    return ~crc;
}

static inline int lkas__is_this_boot(const lkas_header *header) {
    uint8_t id[16];
    lkas__boot_id(id);
    return memcmp(id, header->boot_id, sizeof id) == 0;
}

/* ------------------------------------------------------------------ locks */

static inline int lkas__count_readers(int fd) {
    int readers = 0;
    for (int64_t byte = 1; byte <= LKAS_READERS; ++byte) {
        if ((byte = lkas__first_locked(fd, byte, LKAS_READERS + 1 - byte)) < 0) break;
        ++readers;
    }
    return readers;
}

/* ------------------------------------------------------------------ segments and forks */

static lkas_segment *lkas__segments; /* every open one, for the child of a fork */
static LKAS_ATOMIC(int) lkas__segments_lock;
static unsigned lkas__forks;

/* A child shares the parent's open files and would keep its locks alive after the parent's death: close them. */
static inline void lkas__after_fork_in_child(void) {
    ++lkas__forks;
    for (lkas_segment *segment = lkas__segments; segment; segment = segment->next) {
        if (segment->fd >= 0) lkas__close_file(segment->fd);
        segment->fd = -1;
    }
    lkas__store(&lkas__segments_lock, 0, release);
}

static inline void lkas__lock_registry(void) {
    int unlocked = 0;
    while (!lkas__swap_if(&lkas__segments_lock, &unlocked, 1)) unlocked = 0;
}

static inline lkas_segment *lkas__new_segment(int fd, void *mapping, size_t bytes) {
    static int is_told_of_forks;
    lkas_segment *segment = (lkas_segment *)calloc(1, sizeof *segment);
    lkas__file file;
    if (!segment || lkas__describe(fd, &file)) {
        free(segment);
        return NULL;
    }
    segment->header = (lkas_header *)mapping;
    segment->mapped_bytes = bytes;
    segment->device = file.device;
    segment->inode = file.inode;
    segment->fd = fd;
    segment->reader = -1;
    lkas__store(&segment->users, 1, relaxed);
    lkas__lock_registry();
    if (!is_told_of_forks) is_told_of_forks = lkas__call_after_fork(lkas__after_fork_in_child);
    if (segment->header->has_crc) lkas__fill_crc_table();
    segment->next = lkas__segments;
    if (segment->next) segment->next->previous = segment;
    lkas__segments = segment;
    lkas__store(&lkas__segments_lock, 0, release);
    return segment;
}

/* Give up lock and reader entry; the mapping stays. */
static inline void lkas__leave(lkas_segment *segment) {
    if (segment->fd < 0) return;
    if (segment->reader >= 0) {
        lkas_reader_entry *entry = &segment->header->readers[segment->reader];
        for (int pin = 0; pin < LKAS_PINS; ++pin) lkas__store(&entry->pins[pin], 0u, release);
        lkas__store(&entry->pid, 0u, relaxed);
    }
    lkas__set_lock(segment->fd, F_UNLCK, 0, 0); /* not just closed: a copy may live in a process being forked */
    lkas__close_file(segment->fd);
    segment->fd = -1;
}

static inline lkas_segment *lkas_retain(lkas_segment *segment) {
    lkas__add(&segment->users, 1, relaxed);
    return segment;
}

static inline void lkas_release(lkas_segment *segment) {
    if (!segment || lkas__add(&segment->users, -1, acq_rel) != 1) return;
    lkas__leave(segment);
    lkas__unmap((void *)segment->header, segment->mapped_bytes);
    lkas__lock_registry();
    if (segment->previous) segment->previous->next = segment->next;
    else lkas__segments = segment->next;
    if (segment->next) segment->next->previous = segment->previous;
    lkas__store(&lkas__segments_lock, 0, release);
    free(segment);
}

/* ------------------------------------------------------------------ waking */

static inline void lkas__raise_wake(lkas_header *header) {
    lkas__add(&header->wake, 1u, seq_cst);
    if (lkas__load(&header->waiters, seq_cst)) lkas__futex_wake(&header->wake);
}

/* ------------------------------------------------------------------ writer */

static inline int lkas__check_spec(const lkas_spec *spec, lkas_error *error) {
    uint64_t bulk = (uint64_t)spec->height * spec->width * spec->channels;
    if (spec->record_bytes % 8 || spec->record_bytes > LKAS_MAX_RECORD_BYTES)
        return lkas__fail(error, LKAS_E_ARGUMENT,
                          "a record of %s must have a multiple of 8 bytes and at most %d, not %u",
                          spec->record_type, LKAS_MAX_RECORD_BYTES, spec->record_bytes);
    if (spec->slots < 2 || spec->slots > LKAS_MAX_SLOTS)
        return lkas__fail(error, LKAS_E_ARGUMENT, "slots must be from 2 to %d, not %u", LKAS_MAX_SLOTS, spec->slots);
    if (spec->has_image && (!bulk || spec->height > 65536 || spec->width > 65536 || spec->channels > 16))
        return lkas__fail(error, LKAS_E_ARGUMENT, "an image of %u x %u x %u (height, width, channels) can not be sent",
                          spec->height, spec->width, spec->channels);
    return LKAS_OK;
}

static inline void lkas__fill_header(lkas_header *header, const lkas_spec *spec) {
    const uint64_t record_end = LKAS_SLOT_HEADER_BYTES + (spec->record_bytes + 63u) / 64 * 64;
    header->magic = LKAS_MAGIC;
    header->layout_version = LKAS_LAYOUT_VERSION;
    header->schema_hash = spec->schema_hash;
    snprintf(header->record_type, sizeof header->record_type, "%s", spec->record_type);
    lkas__boot_id(header->boot_id);
    header->slots = spec->slots;
    header->record_bytes = spec->record_bytes;
    header->stamp_offset = spec->stamp_offset;
    header->slot_stride = record_end;
    header->has_crc = spec->has_crc;
    if (spec->has_image) {
        header->height = spec->height;
        header->width = spec->width;
        header->channels = header->pixel_stride = spec->channels;
        header->row_stride = (uint64_t)spec->width * spec->channels;
        header->bulk_bytes = header->row_stride * spec->height;
        header->bulk_offset = (uint32_t)record_end;
        header->slot_stride = (record_end + header->bulk_bytes + 4095) / 4096 * 4096;
    }
    header->total_bytes = LKAS_CONTROL_BYTES + header->slots * header->slot_stride;
}

/* Readers of a segment of this shape need not notice a new writer. */
static inline int lkas__has_shape(const lkas_header *found, const lkas_header *wanted) {
    return found->layout_version == wanted->layout_version && found->schema_hash == wanted->schema_hash &&
           !strncmp(found->record_type, wanted->record_type, sizeof found->record_type) &&
           found->total_bytes == wanted->total_bytes && found->slots == wanted->slots &&
           found->record_bytes == wanted->record_bytes && found->stamp_offset == wanted->stamp_offset &&
           found->height == wanted->height && found->width == wanted->width && found->channels == wanted->channels &&
           found->has_crc == wanted->has_crc;
}

/* Build a locked segment under a temporary name. The caller publishes it or unlinks it. */
static inline int lkas__build(const char *path, const lkas_spec *spec, lkas_segment **out, char *temporary,
                              lkas_error *error) {
    static LKAS_ATOMIC(uint32_t) counter;
    lkas_header wanted;
    int fd = -1;
    memset((void *)&wanted, 0, sizeof wanted);
    lkas__fill_header(&wanted, spec);
    for (int attempt = 0; fd < 0 && attempt < 100; ++attempt) {
        int length = snprintf(temporary, LKAS_PATH_BYTES, "%s.new-%d-%u", path, (int)lkas__process(),
                              (unsigned)lkas__add(&counter, 1u, relaxed));
        if (length < 0 || length >= LKAS_PATH_BYTES)
            return lkas__fail(error, LKAS_E_ARGUMENT, "%s: the path is longer than %d bytes", path, LKAS_PATH_BYTES);
        fd = lkas__open_file(temporary, LKAS__CREATE);
        if (fd < 0 && errno != EEXIST) break;
    }
    if (fd < 0) return lkas__fail(error, LKAS_E_SYSTEM,
                                  "%s: can not create the segment: %s", temporary, strerror(errno));
    if (lkas__set_lock(fd, F_WRLCK, 0, 1)) {
        lkas__fail(error, LKAS_E_SYSTEM, "%s: can not lock the segment: %s", temporary, strerror(errno));
        goto failed;
    }
    {
        const int result = lkas__allocate(fd, 0, wanted.total_bytes);
        if (result) {
            errno = result;
            lkas__fail(error, LKAS_E_SPACE,
                       "%s: no room for the segment: needs %llu bytes (%u slots of %llu), free are %llu: %s", path,
                       (unsigned long long)wanted.total_bytes, wanted.slots, (unsigned long long)wanted.slot_stride,
                       (unsigned long long)lkas__free_bytes(fd), strerror(result));
            goto failed;
        }
    }
    {
        void *mapping = lkas__map_file(fd, wanted.total_bytes, 1);
        if (!mapping) {
            lkas__fail(error, LKAS_E_SYSTEM, "%s: can not map %llu bytes: %s", path,
                       (unsigned long long)wanted.total_bytes, strerror(errno));
            goto failed;
        }
        memcpy(mapping, (const void *)&wanted, sizeof wanted);
        *out = lkas__new_segment(fd, mapping, wanted.total_bytes);
        if (*out) return LKAS_OK;
        lkas__fail(error, LKAS_E_SYSTEM, "%s: out of memory", path);
        lkas__unmap(mapping, wanted.total_bytes);
    }
failed:
    lkas__remove(temporary);
    lkas__close_file(fd);
    return error->code;
}

/* Give the file its name, unless somebody else has it: 1 done, 0 the name is taken. */
static inline int lkas__name_without_replacing(const char *temporary, const char *path, lkas_error *error) {
    if (lkas__rename_if_free(temporary, path) == 0) return 1;
    if (errno == EEXIST) return 0;
    return lkas__fail(error, LKAS_E_SYSTEM, "%s: can not publish the segment: %s", path, strerror(errno));
}

static inline int lkas__is_named(const char *path, uint64_t device, uint64_t inode) {
    lkas__file file;
    return lkas__describe_path(path, &file) == 0 && file.device == device && file.inode == inode;
}

/* Map an existing file with its lock on `fd`; what it holds is checked as far as every program must. */
static inline int lkas__map(const char *path, int fd, int is_writable, lkas_segment **out, lkas_error *error) {
    lkas__file file;
    if (lkas__describe(fd, &file))
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: %s", path, strerror(errno));
    if (!file.is_regular || file.bytes < LKAS_CONTROL_BYTES)
        return lkas__fail(error, LKAS_E_NOT_A_SEGMENT,
                          "%s: not a channel: %lld bytes, expected at least %d; remove it", path,
                          (long long)file.bytes, LKAS_CONTROL_BYTES);
    if (!file.is_own)
        return lkas__fail(error, LKAS_E_NOT_A_SEGMENT, "%s: belongs to user %u, not to %u", path,
                          (unsigned)file.owner, (unsigned)lkas__user());
    void *mapping = lkas__map_file(fd, (size_t)file.bytes, is_writable);
    if (!mapping)
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: can not map %lld bytes: %s", path, (long long)file.bytes,
                          strerror(errno));
    const lkas_header *header = (const lkas_header *)mapping;
    if (header->magic != LKAS_MAGIC) {
        lkas__fail(error, LKAS_E_NOT_A_SEGMENT, "%s: not a channel: starts with %08x, expected %08x; remove it", path,
                   (unsigned)header->magic, (unsigned)LKAS_MAGIC);
    } else if (header->layout_version == LKAS_LAYOUT_VERSION &&
               (header->total_bytes != (uint64_t)file.bytes || header->slots > LKAS_MAX_SLOTS ||
                LKAS_CONTROL_BYTES + header->slots * header->slot_stride != header->total_bytes ||
                LKAS_SLOT_HEADER_BYTES + header->record_bytes + header->bulk_bytes > header->slot_stride)) {
        lkas__fail(error, LKAS_E_NOT_A_SEGMENT, "%s: has %lld bytes, its header says %llu in %u slots; remove it", path,
                   (long long)file.bytes, (unsigned long long)header->total_bytes, header->slots);
    } else if ((*out = lkas__new_segment(fd, mapping, (size_t)file.bytes)) != NULL) {
        return LKAS_OK;
    } else {
        lkas__fail(error, LKAS_E_SYSTEM, "%s: out of memory", path);
    }
    lkas__unmap(mapping, (size_t)file.bytes);
    return error->code;
}

/* Flag a segment whose name is gone or means another one, and have its readers look. */
static inline void lkas__retire(lkas_segment *segment) {
    if (segment->header->layout_version != LKAS_LAYOUT_VERSION) return; /* other layouts have their words elsewhere */
    lkas__store(&segment->header->replaced, 1u, seq_cst);
    lkas__raise_wake(segment->header);
}

static inline void lkas__take_over(lkas_writer *writer, lkas_segment *segment, uint32_t generation) {
    lkas_header *header = segment->header;
    writer->segment = segment;
    writer->device = segment->device;
    writer->inode = segment->inode;
    writer->sequence = (lkas__load(&header->latest, relaxed) >> 8) + 1;
    lkas__store(&header->writer_pid, lkas__process(), relaxed);
    lkas__store(&header->generation, generation, release);
}

/* One try at opening for writing: 1 done, 0 look again, negative an error. */
static inline int lkas__try_open(lkas_writer *writer, const lkas_spec *spec, lkas_error *error) {
    char temporary[LKAS_PATH_BYTES];
    lkas_segment *old = NULL, *fresh = NULL;
    int fd = lkas__open_file(writer->path, LKAS__READ_WRITE);
    if (fd < 0 && errno != ENOENT)
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: can not open the segment: %s", writer->path, strerror(errno));
    if (fd < 0) {
        int result = lkas__build(writer->path, spec, &fresh, temporary, error);
        if (result) return result;
        lkas__store(&fresh->header->latest, (uint64_t)LKAS_NO_SLOT, relaxed);
        lkas__take_over(writer, fresh, 1);
        result = lkas__name_without_replacing(temporary, writer->path, error);
        if (result == 1) return 1;
        lkas__remove(temporary);
        writer->segment = NULL;
        lkas_release(fresh);
        return result;
    }
    int is_locked = lkas__set_lock(fd, F_WRLCK, 0, 1) == 0;
    int result = lkas__map(writer->path, fd, 1, &old, error);
    if (result) {
        lkas__close_file(fd);
        return result;
    }
    if (!is_locked) {
        if (old->header->layout_version == LKAS_LAYOUT_VERSION)
            error->pid = (int32_t)lkas__load(&old->header->writer_pid, relaxed);
        lkas__fail(error, LKAS_E_WRITER_EXISTS,
                   "%s: process %d already writes this channel; stop it, or use another name or instance",
                   writer->path, (int)error->pid);
        lkas_release(old);
        return LKAS_E_WRITER_EXISTS;
    }
    if (!lkas__is_named(writer->path, old->device, old->inode)) { /* replaced or unlinked before we had the lock */
        lkas_release(old);
        return 0;
    }
    lkas_header wanted;
    memset((void *)&wanted, 0, sizeof wanted);
    lkas__fill_header(&wanted, spec);
    int is_ours = old->header->layout_version == LKAS_LAYOUT_VERSION && lkas__is_this_boot(old->header);
    uint32_t generation = is_ours ? lkas__load(&old->header->generation, relaxed) + 1 : 1;
    if (is_ours && lkas__has_shape(old->header, &wanted)) {
        lkas__take_over(writer, old, generation);
        lkas__raise_wake(old->header);
        return 1;
    }
    result = lkas__build(writer->path, spec, &fresh, temporary, error);
    if (result == LKAS_OK) {
        uint64_t sequence = is_ours ? lkas__load(&old->header->latest, relaxed) >> 8 : 0;
        lkas__store(&fresh->header->latest, sequence << 8 | LKAS_NO_SLOT, relaxed);
        lkas__take_over(writer, fresh, generation);
        if (lkas__rename(temporary, writer->path) == 0) {
            lkas__retire(old);
            result = 1;
        } else {
            result = lkas__fail(error, LKAS_E_SYSTEM,
                                "%s: can not replace the segment: %s", writer->path, strerror(errno));
            lkas__remove(temporary);
            writer->segment = NULL;
            lkas_release(fresh);
        }
    }
    lkas_release(old);
    return result;
}

/* Create the segment, adopt one of the same shape that has no living writer, or replace one of another shape. */
static inline int lkas_open(lkas_writer *writer, const char *path, const lkas_spec *spec, lkas_error *error) {
    memset((void *)writer, 0, sizeof *writer);
    memset((void *)error, 0, sizeof *error);
    writer->slot = -1;
    writer->forks = lkas__forks;
    if (strlen(path) >= sizeof writer->path)
        return lkas__fail(error, LKAS_E_ARGUMENT, "%s: the path is longer than %d bytes", path, LKAS_PATH_BYTES);
    strcpy(writer->path, path);
    if (lkas__check_spec(spec, error)) return error->code;
    int result = 0;
    /* A lock is also held for moments by whoever removes or replaces a segment, and until a killed writer is gone. */
    for (int attempt = 0; attempt < 20; ++attempt) {
        result = lkas__try_open(writer, spec, error);
        if (result == 1) return LKAS_OK;
        if (result != 0 && result != LKAS_E_WRITER_EXISTS) return result;
        lkas__sleep_ns(2000000);
    }
    if (result == 0) return lkas__fail(error, LKAS_E_SYSTEM, "%s: the name keeps changing hands; gave up", path);
    return result;
}

/* Bit i: slot i is pinned. The loads are the writer's half of the pin protocol, hence seq_cst. */
static inline uint64_t lkas__pinned_slots(lkas_header *header) {
    uint64_t pinned = 0;
    uint32_t limit = lkas__load(&header->reader_limit, seq_cst);
    if (limit > LKAS_READERS) limit = LKAS_READERS;
    for (uint32_t reader = 0; reader < limit; ++reader)
        for (int pin = 0; pin < LKAS_PINS; ++pin) {
            uint32_t value = lkas__load(&header->readers[reader].pins[pin], seq_cst);
            if (value && value <= LKAS_MAX_SLOTS) pinned |= UINT64_C(1) << (value - 1);
        }
    return pinned;
}

/* Clear the pins of readers that died holding them: 1 when there were any. */
static inline int lkas__reap(lkas_segment *segment) {
    int reaped = 0;
    for (int reader = 0; reader < LKAS_READERS; ++reader) {
        lkas_reader_entry *entry = &segment->header->readers[reader];
        int is_pinning = 0;
        for (int pin = 0; pin < LKAS_PINS; ++pin) is_pinning |= lkas__load(&entry->pins[pin], acquire) != 0;
        if (!is_pinning || lkas__first_locked(segment->fd, 1 + reader, 1) >= 0) continue;
        /* Nobody owns the entry; with its lock in hand nobody comes to own it while the pins are cleared. */
        if (lkas__set_lock(segment->fd, F_WRLCK, 1 + reader, 1)) continue;
        for (int pin = 0; pin < LKAS_PINS; ++pin) lkas__store(&entry->pins[pin], 0u, release);
        lkas__store(&entry->pid, 0u, relaxed);
        lkas__set_lock(segment->fd, F_UNLCK, 1 + reader, 1);
        reaped = 1;
    }
    return reaped;
}

static inline int lkas__check_writer(const lkas_writer *writer, lkas_error *error) {
    if (writer->forks != lkas__forks)
        return lkas__fail(error, LKAS_E_FORKED,
                          "%s: opened by the parent process; open the channel anew after a fork", writer->path);
    if (!writer->segment) return lkas__fail(error, LKAS_E_CLOSED, "%s: this channel is closed", writer->path);
    return LKAS_OK;
}

/* Take the lowest slot that is neither newest nor pinned and mark it odd: its index, or LKAS_E_FULL. A small working
 * set is what keeps copies in the cache. Never waits. */
static inline int lkas_claim(lkas_writer *writer, lkas_error *error) {
    if (lkas__check_writer(writer, error)) return error->code;
    lkas_header *header = writer->segment->header;
    if (writer->slot >= 0)
        return lkas__fail(error, LKAS_E_CLAIMED,
                          "%s: a slot is on loan; end that loan before the next message", writer->path);
    for (int attempt = 0; attempt < 2; ++attempt) {
        uint64_t newest = lkas__load(&header->latest, relaxed) & 0xff;
        uint64_t taken = lkas__pinned_slots(header) | (newest < LKAS_MAX_SLOTS ? UINT64_C(1) << newest : 0);
        for (uint32_t index = 0; index < header->slots; ++index) {
            if (taken >> index & 1) continue;
            lkas_slot *slot = lkas_slot_at(writer->segment, index);
            uint64_t before = lkas__load(&slot->mark, relaxed);
            /* Pairs with the pin in lkas_view_begin(): of mark and pin, the later one sees the earlier one. */
            lkas__store(&slot->mark, 2 * writer->sequence - 1, seq_cst);
            if (!(lkas__pinned_slots(header) >> index & 1)) {
                writer->slot = (int)index;
                return (int)index;
            }
            lkas__store(&slot->mark, before, seq_cst); /* its content is whole: who pinned it may go on reading */
        }
        if (attempt == 0 && !lkas__reap(writer->segment)) break;
    }
    lkas__add(&header->drops, 1u, relaxed);
    return lkas__fail(error, LKAS_E_FULL,
                      "%s: none of the %u slots is free: each is the newest or pinned by a reader", writer->path,
                      header->slots);
}

/* Fetch the lines of the slot that comes next while nobody waits for them: a reader had them last. A guess, and only a
 * hint to the processor: where it is wrong the next claim fetches them, as it would have. */
static inline void lkas__fetch_next(const lkas_segment *segment, uint32_t newest) {
    const lkas_header *header = segment->header;
    const char *slot = (const char *)lkas_slot_at(segment, newest == 0), *end;
    end = slot + LKAS_SLOT_HEADER_BYTES + header->record_bytes;
    for (int lines = 0; slot < end && lines < LKAS_FETCHED_LINES; slot += 64, ++lines) lkas__fetch_to_write(slot);
}

static inline void *lkas_claimed_bulk(const lkas_writer *writer) {
    return lkas_slot_bulk(writer->segment, (uint32_t)writer->slot);
}

/* Of the record in a slot that nobody writes to now. */
static inline uint32_t lkas__record_crc(const lkas_segment *segment, uint32_t slot) {
    LKAS_ATOMIC(uint64_t) *words = lkas_slot_record(lkas_slot_at(segment, slot));
    uint32_t crc = 0;
    for (uint32_t i = 0; i < segment->header->record_bytes / 8; ++i) {
        const uint64_t word = lkas__load(&words[i], relaxed);
        crc = lkas__crc(crc, &word, sizeof word);
    }
    return crc;
}

static inline uint32_t lkas__bulk_crc(const lkas_segment *segment, uint32_t slot) {
    return lkas__crc(0, lkas_slot_bulk(segment, slot), segment->header->bulk_bytes);
}

/* Store the record into the claimed slot and make it the newest: its sequence. */
static inline uint64_t lkas_publish(lkas_writer *writer, const void *record) {
    lkas_header *header = writer->segment->header;
    lkas_slot *slot = lkas_slot_at(writer->segment, (uint32_t)writer->slot);
    LKAS_ATOMIC(uint64_t) *words = lkas_slot_record(slot);
    const uint64_t sequence = writer->sequence++;
    const int64_t publish_ns = lkas_now_ns();
    /* Release: a reader that sees one of these words sees the odd mark that lkas_claim() stored before. */
    for (uint32_t i = 0; i < header->record_bytes / 8; ++i) {
        uint64_t word;
        memcpy(&word, (const char *)record + 8 * i, 8);
        lkas__store(&words[i], word, release);
    }
    if (header->stamp_offset != LKAS_NO_STAMPS) {
        lkas__store(&words[header->stamp_offset / 8], (uint64_t)publish_ns, release);
        lkas__store(&words[header->stamp_offset / 8 + 1], sequence, release);
    }
    lkas__store(&slot->publish_ns, publish_ns, release);
    if (header->has_crc) {
        lkas__store(&slot->record_crc, lkas__record_crc(writer->segment, (uint32_t)writer->slot), release);
        lkas__store(&slot->bulk_crc, lkas__bulk_crc(writer->segment, (uint32_t)writer->slot), release);
    }
    /* Pairs with the acquire load in lkas__copy_record(): whoever sees this mark sees every word stored above. */
    lkas__store(&slot->mark, 2 * sequence, release);
    /* Pairs with the waiter's `waiters`: either this sees it announced, or it sees this message and does not sleep. */
    lkas__store(&header->latest, sequence << 8 | (uint64_t)writer->slot, seq_cst);
    if (lkas__load(&header->waiters, seq_cst)) lkas__raise_wake(header);
    lkas__fetch_next(writer->segment, (uint32_t)writer->slot);
    writer->slot = -1;
    return sequence;
}

/* Give a claimed slot back; its content is lost, nothing is published. */
static inline void lkas_abandon(lkas_writer *writer) {
    if (writer->segment && writer->slot >= 0)
        lkas__store(&lkas_slot_at(writer->segment, (uint32_t)writer->slot)->mark, UINT64_C(0), release);
    writer->slot = -1;
}

/* Copy record and bulk (NULL: none) and publish: the sequence, or LKAS_E_FULL. */
static inline int64_t lkas_write(lkas_writer *writer, const void *record, const void *bulk, lkas_error *error) {
    if (lkas_claim(writer, error) < 0) return error->code;
    if (bulk) memcpy(lkas_claimed_bulk(writer), bulk, writer->segment->header->bulk_bytes);
    return (int64_t)lkas_publish(writer, record);
}

static inline void lkas_close_writer(lkas_writer *writer) {
    if (!writer->segment) return;
    if (writer->forks == lkas__forks) {
        lkas_abandon(writer);
        lkas__leave(writer->segment);
    }
    lkas_release(writer->segment);
    writer->segment = NULL;
}

/* Remove a segment that nobody writes, or that is `writer`'s own: 1 removed, 0 left alone (not there, other inode,
 * living writer; with `only_idle`, also living readers). Pass inode 0 for "whatever has the name". */
static inline int lkas_unlink_idle(const char *path, uint64_t device, uint64_t inode, int only_idle, lkas_error *error) {
    lkas_segment *segment = NULL;
    int fd = lkas__open_file(path, LKAS__READ_WRITE);
    if (fd < 0 && errno == ENOENT) return 0;
    if (fd < 0) return lkas__fail(error, LKAS_E_SYSTEM, "%s: can not open the segment: %s", path, strerror(errno));
    lkas__file file;
    int removed = 0;
    if (lkas__set_lock(fd, F_WRLCK, 0, 1) == 0 && lkas__describe(fd, &file) == 0 &&
        (!inode || (file.device == device && file.inode == inode)) && lkas__is_named(path, file.device, file.inode) &&
        !(only_idle && lkas__count_readers(fd))) {
        lkas__map(path, fd, 1, &segment, error); /* an unfinished one can not be mapped */
        removed = lkas__remove(path) == 0;
        if (segment && removed) lkas__retire(segment);
    }
    if (segment) lkas_release(segment);
    else lkas__close_file(fd);
    return removed;
}

/* Remove the writer's own segment, before or after closing; a living writer that came later keeps it. */
static inline int lkas_unlink(lkas_writer *writer, lkas_error *error) {
    if (writer->forks != lkas__forks) return lkas__check_writer(writer, error);
    if (!writer->segment) return lkas_unlink_idle(writer->path, writer->device, writer->inode, 0, error);
    if (!lkas__is_named(writer->path, writer->device, writer->inode)) return 0;
    if (lkas__remove(writer->path))
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: can not remove the segment: %s", writer->path, strerror(errno));
    lkas__retire(writer->segment);
    return 1;
}

/* ------------------------------------------------------------------ reader: attaching */

static inline void lkas_reader_init(lkas_reader *reader, const char *path, const lkas_spec *spec) {
    memset((void *)reader, 0, sizeof *reader);
    snprintf(reader->path, sizeof reader->path, "%s", path);
    snprintf(reader->record_type, sizeof reader->record_type, "%s", spec->record_type);
    reader->spec = *spec;
    reader->spec.record_type = reader->record_type;
    reader->forks = lkas__forks;
}

static inline int lkas__check_schema(const lkas_reader *reader, const lkas_header *found, lkas_error *error) {
    const lkas_spec *wanted = &reader->spec;
    if (found->layout_version != LKAS_LAYOUT_VERSION)
        return lkas__fail(error, LKAS_E_SCHEMA,
                          "%s: written with channel layout %u, this program knows %u; restart the older one",
                          reader->path, found->layout_version, LKAS_LAYOUT_VERSION);
    if (found->schema_hash != wanted->schema_hash || found->record_bytes != wanted->record_bytes ||
        strncmp(found->record_type, wanted->record_type, sizeof found->record_type))
        return lkas__fail(error, LKAS_E_SCHEMA,
                          "%s: holds %.48s with schema %016llx (%u bytes), this program reads %s with schema %016llx (%u bytes); "
                          "wrong channel, or programs of different versions",
                          reader->path, found->record_type, (unsigned long long)found->schema_hash, found->record_bytes,
                          wanted->record_type, (unsigned long long)wanted->schema_hash, wanted->record_bytes);
    if ((wanted->height && wanted->height != found->height) || (wanted->width && wanted->width != found->width) ||
        (wanted->channels && wanted->channels != found->channels))
        return lkas__fail(error, LKAS_E_SCHEMA,
                          "%s: holds images of %u x %u x %u (height, width, channels), this reader expects %u x %u x %u (0: any)",
                          reader->path, found->height, found->width, found->channels, wanted->height, wanted->width,
                          wanted->channels);
    return LKAS_OK;
}

/* Attach to what the name means now: 1 attached, 0 nothing there (or of another boot, or already retired). */
static inline int lkas__attach(const lkas_reader *reader, lkas_segment **out, lkas_error *error) {
    lkas_segment *segment = NULL;
    int fd = lkas__open_file(reader->path, LKAS__READ_WRITE);
    if (fd < 0 && errno == ENOENT) return 0;
    if (fd < 0) return lkas__fail(error, LKAS_E_SYSTEM,
                                  "%s: can not open the segment: %s", reader->path, strerror(errno));
    int result = lkas__map(reader->path, fd, 0, &segment, error);
    if (result) {
        lkas__close_file(fd);
        return result;
    }
    if (!lkas__is_this_boot(segment->header)) goto not_there;
    result = lkas__check_schema(reader, segment->header, error);
    if (result) goto failed;
    if (lkas__make_writable((void *)segment->header, LKAS_CONTROL_BYTES)) {
        result = lkas__fail(error, LKAS_E_SYSTEM,
                            "%s: can not map the control area: %s", reader->path, strerror(errno));
        goto failed;
    }
    if (lkas__load(&segment->header->replaced, seq_cst)) goto not_there;
    for (int index = 0; index < LKAS_READERS; ++index) {
        if (lkas__set_lock(segment->fd, F_WRLCK, 1 + index, 1)) continue;
        lkas_reader_entry *entry = &segment->header->readers[index];
        for (int pin = 0; pin < LKAS_PINS; ++pin) lkas__store(&entry->pins[pin], 0u, release);
        lkas__store(&entry->pid, lkas__process(), relaxed);
        segment->reader = index;
        uint32_t limit = lkas__load(&segment->header->reader_limit, relaxed);
        while (limit < (uint32_t)index + 1 &&
               !lkas__swap_if(&segment->header->reader_limit, &limit, (uint32_t)index + 1)) {
        }
        *out = segment;
        return 1;
    }
    result = lkas__fail(error, LKAS_E_READERS,
                        "%s: all %d reader places are taken; close a reader first", reader->path, LKAS_READERS);
failed:
    lkas_release(segment);
    return result;
not_there:
    lkas_release(segment);
    return 0;
}

/* Let go of the segment; lock and entry stay while a view is open. */
static inline void lkas__detach(lkas_reader *reader) {
    lkas_segment *segment = reader->segment;
    if (!segment) return;
    reader->segment = NULL;
    if (segment->held_pins) segment->is_leaving = 1;
    else lkas__leave(segment);
    lkas_release(segment);
}

static inline int lkas_has_new(const lkas_reader *reader) {
    if (!reader->segment) return 0;
    uint64_t latest = lkas__load(&reader->segment->header->latest, acquire);
    return latest != reader->last && (latest & 0xff) != LKAS_NO_SLOT;
}

static inline int lkas__is_calm(const lkas_reader *reader) {
    return reader->segment && !lkas__load(&reader->segment->header->replaced, relaxed);
}

/* Look what the name means now, and attach to that. */
static inline int lkas__probe(lkas_reader *reader, int64_t now_ns, lkas_error *error) {
    const lkas_segment *held = reader->segment;
    lkas_segment *found = NULL;
    lkas__file file;
    int result = 0;
    if (lkas__describe_path(reader->path, &file) == 0 &&
        !(held && file.device == held->device && file.inode == held->inode))
        result = lkas__attach(reader, &found, error);
    if (result < 0) {
        reader->probe_due_ns = 0; /* wrong, not just absent: say so at each call */
        return result;
    }
    if (result == 1) {
        lkas__detach(reader);
        reader->segment = found;
        reader->last = reader->last_corrupt = 0;
        reader->is_searching = 0;
        reader->probe_due_ns = 0;
    } else if (reader->is_searching) {
        reader->probe_due_ns = now_ns + reader->probe_gap_ns;
        reader->probe_gap_ns *= 2;
        if (reader->probe_gap_ns > LKAS_PROBE_MAX_NS) reader->probe_gap_ns = LKAS_PROBE_MAX_NS;
    } else {
        reader->probe_due_ns = now_ns + LKAS_SILENCE_NS;
    }
    return LKAS_OK;
}

/* Called before each read: attaches when the writer appears, moves on when its segment was replaced. */
static inline int lkas_follow(lkas_reader *reader, lkas_error *error) {
    if (reader->forks != lkas__forks)
        return lkas__fail(error, LKAS_E_FORKED,
                          "%s: opened by the parent process; open the channel anew after a fork", reader->path);
    if (lkas__load(&reader->is_closed, relaxed))
        return lkas__fail(error, LKAS_E_CLOSED, "%s: this channel is closed", reader->path);
    if (lkas_has_new(reader)) {
        reader->probe_due_ns = 0; /* silence counts from the next empty look on */
        return LKAS_OK;
    }
    const int64_t now_ns = lkas__coarse_now_ns();
    const int is_calm = lkas__is_calm(reader);
    if (!is_calm && !reader->is_searching) {
        reader->is_searching = 1;
        reader->probe_due_ns = 0;
        reader->probe_gap_ns = LKAS_PROBE_MIN_NS;
    } else if (is_calm && !reader->probe_due_ns) {
        reader->probe_due_ns = now_ns + LKAS_SILENCE_NS;
    }
    return now_ns < reader->probe_due_ns ? LKAS_OK : lkas__probe(reader, now_ns, error);
}

/* ------------------------------------------------------------------ reader: reading */

static inline void lkas__copy_words(const lkas_segment *segment, lkas_slot *slot, void *record) {
    LKAS_ATOMIC(uint64_t) *words = lkas_slot_record(slot);
    for (uint32_t i = 0; i < segment->header->record_bytes / 8; ++i) {
        uint64_t word = lkas__load(&words[i], acquire); /* acquire: what is loaded next is loaded after it */
        memcpy((char *)record + 8 * i, &word, 8);
    }
}

/* Copy a record that nobody pinned; 0 when the writer came by meanwhile. */
static inline int lkas__copy_record(const lkas_segment *segment, uint32_t index, uint64_t mark, void *record,
                                    uint32_t *crc) {
    lkas_slot *slot = lkas_slot_at(segment, index);
    if (lkas__load(&slot->mark, acquire) != mark) return 0;
    lkas__copy_words(segment, slot, record);
    *crc = lkas__load(&slot->record_crc, acquire);
    return lkas__load(&slot->mark, relaxed) == mark;
}

static inline void lkas__count_read(lkas_reader *reader, uint64_t latest) {
    uint64_t before = reader->last >> 8, now = latest >> 8;
    if (before && now > before + 1) reader->missed += now - before - 1;
    reader->last = latest;
    uint32_t generation = lkas__load(&reader->segment->header->generation, relaxed);
    if (generation != reader->generation) {
        if (reader->generation) ++reader->restarts;
        reader->generation = generation;
    }
}

/* A message that failed its CRC is passed over; it counts once, however often it is looked at. */
static inline void lkas__count_corrupt(lkas_reader *reader, uint64_t latest, int only_new) {
    if (reader->last_corrupt != latest) {
        ++reader->corrupt;
        lkas__add(&reader->segment->header->corrupt, UINT64_C(1), relaxed);
    }
    reader->last_corrupt = latest;
    if (only_new) lkas__count_read(reader, latest);
}

/* Copy the newest record: 1, or 0 when there is nothing (with `only_new`: nothing that was not read before). */
static inline int lkas_read(lkas_reader *reader, int only_new, void *record, lkas_error *error) {
    if (lkas_follow(reader, error)) return error->code;
    if (!reader->segment) return 0;
    for (int attempt = 0; attempt < LKAS_MAX_RETRIES; ++attempt) {
        const lkas_header *header = reader->segment->header;
        uint64_t latest = lkas__load(&reader->segment->header->latest, acquire);
        uint32_t crc;
        if ((latest & 0xff) >= header->slots || (only_new && latest == reader->last)) return 0;
        if (!lkas__copy_record(reader->segment, latest & 0xff, 2 * (latest >> 8), record, &crc)) continue;
        if (header->has_crc && lkas__crc(0, record, header->record_bytes) != crc) {
            lkas__count_corrupt(reader, latest, only_new);
            return 0;
        }
        if (only_new) lkas__count_read(reader, latest);
        return 1;
    }
    return 0; /* outrun a thousand times in a row: nothing whole this time, the next call tries again */
}

/* Pin the newest slot, so that its bulk can be read in place: 1, 0 or an error. End it with lkas_view_end(). */
static inline int lkas_view_begin(lkas_reader *reader, int only_new, lkas_view *view, lkas_error *error) {
    memset((void *)view, 0, sizeof *view);
    if (lkas_follow(reader, error)) return error->code;
    lkas_segment *segment = reader->segment;
    if (!segment || (only_new && !lkas_has_new(reader))) return 0;
    int pin = 0;
    while (pin < LKAS_PINS && segment->held_pins >> pin & 1) ++pin;
    if (pin == LKAS_PINS)
        return lkas__fail(error, LKAS_E_PINS,
                          "%s: this reader already holds %d views; release one first", reader->path, LKAS_PINS);
    LKAS_ATOMIC(uint32_t) *word = &segment->header->readers[segment->reader].pins[pin];
    for (int attempt = 0; attempt < LKAS_MAX_RETRIES; ++attempt) {
        uint64_t latest = lkas__load(&segment->header->latest, acquire);
        uint32_t index = latest & 0xff;
        if (index >= segment->header->slots) break;
        lkas_slot *slot = lkas_slot_at(segment, index);
        /* Pairs with the odd mark in lkas_claim(). */
        lkas__store(word, index + 1, seq_cst);
        if (lkas__load(&slot->mark, seq_cst) != 2 * (latest >> 8)) continue;
        if (segment->header->has_crc && (lkas__record_crc(segment, index) != lkas__load(&slot->record_crc, acquire) ||
                                         lkas__bulk_crc(segment, index) != lkas__load(&slot->bulk_crc, acquire))) {
            lkas__count_corrupt(reader, latest, only_new);
            break;
        }
        segment->held_pins |= 1u << pin;
        view->segment = lkas_retain(segment);
        view->pin = pin;
        view->slot = index;
        view->sequence = latest >> 8;
        view->publish_ns = lkas__load(&slot->publish_ns, acquire);
        if (only_new) lkas__count_read(reader, latest);
        return 1;
    }
    lkas__store(word, 0u, release);
    return 0;
}

/* The pin alone vouches for the words: the mark may be odd for the moment in which the writer finds the pin. */
static inline void lkas_view_record(const lkas_view *view, void *record) {
    lkas__copy_words(view->segment, lkas_slot_at(view->segment, view->slot), record);
}

static inline const void *lkas_view_bulk(const lkas_view *view) { return lkas_slot_bulk(view->segment, view->slot); }

static inline void lkas_view_end(lkas_view *view) {
    lkas_segment *segment = view->segment;
    if (!segment) return;
    view->segment = NULL;
    segment->held_pins &= ~(1u << view->pin);
    if (segment->fd >= 0) { /* else: in the child of a fork, where the pin is the parent's */
        /* Pairs with the writer's load of the pins: what was read here was read before it writes. */
        lkas__store(&segment->header->readers[segment->reader].pins[view->pin], 0u, release);
        if (segment->is_leaving && !segment->held_pins) lkas__leave(segment);
    }
    lkas_release(segment);
}

/* ------------------------------------------------------------------ reader: waiting */

/* What one waiter waits for: something other than `last` in the segment, or its reader being closed. */
typedef struct lkas_awaited {
    lkas_segment *segment; /* NULL: not attached, wait for time to pass */
    uint64_t last;
    LKAS_ATOMIC(int) * is_closed;
} lkas_awaited;

/* One slice of waiting for any of them. The caller keeps the segments alive and looks what came meanwhile. A slice
 * may end early, and one that missed its wake-up (a replaced segment) ends in time for the next look at the name. */
static inline void lkas_wait_slice(const lkas_awaited *awaited, int count, int64_t slice_ns) {
    lkas__waitv waiters[LKAS_READERS];
    int waiting = 0, is_news = 0;
    if (count > LKAS_READERS) count = LKAS_READERS;
    for (int i = 0; i < count; ++i) {
        is_news |= lkas__load(awaited[i].is_closed, seq_cst);
        if (!awaited[i].segment) continue;
        lkas_header *header = awaited[i].segment->header;
        lkas__add(&header->waiters, 1u, seq_cst);
        /* Announce, sample `wake`, look at what it announces; whoever raises it works in the opposite order. */
        lkas__waitv waiter = {lkas__load(&header->wake, seq_cst), (uint64_t)(uintptr_t)&header->wake, 2 /* 32 bit */, 0};
        waiters[waiting++] = waiter;
        const uint64_t latest = lkas__load(&header->latest, seq_cst); /* LKAS_NO_SLOT: nothing was ever written */
        is_news |= latest != awaited[i].last && (latest & 0xff) != LKAS_NO_SLOT;
        is_news |= lkas__load(awaited[i].is_closed, seq_cst);
    }
    /* Announced and looked: a message from here on has to end the sleep. */
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
        if (awaited[i].segment) lkas__add(&awaited[i].segment->header->waiters, UINT32_MAX, seq_cst); /* minus 1 */
}

/* How long this reader may sleep before it has to look at the name again. */
static inline int64_t lkas_slice_ns(const lkas_reader *reader) {
    return reader->is_searching ? reader->probe_gap_ns : LKAS_SLICE_NS;
}

/* Look for something other than `last` for `spin_ns`: 1 when it came. */
static inline int lkas_spin(const lkas_segment *segment, uint64_t last, int64_t spin_ns) {
    if (!segment || spin_ns <= 0) return 0;
    const int64_t until_ns = lkas_now_ns() + spin_ns;
    do {
        for (int i = 0; i < 64; ++i) {
            if (lkas__load(&segment->header->latest, acquire) != last) return 1;
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
    if (lkas_has_new(reader) || lkas_spin(reader->segment, reader->last, reader->spin_ns)) return 1;
    for (;;) {
        int64_t left_ns = until_ns - lkas_now_ns(), slice_ns = lkas_slice_ns(reader);
        if (left_ns <= 0) return 0;
        lkas_awaited awaited = {reader->segment ? lkas_retain(reader->segment) : NULL, reader->last, &reader->is_closed};
        lkas_wait_slice(&awaited, 1, left_ns < slice_ns ? left_ns : slice_ns);
        lkas_release(awaited.segment);
        if (lkas__load(&reader->is_closed, acquire)) return 0;
        if (lkas_follow(reader, error)) return error->code;
        if (lkas_has_new(reader)) return 1;
    }
}

/* From any thread: end the reader's waits, now and later. lkas_close_reader() must still follow. */
static inline void lkas_close_wakes(lkas_reader *reader) {
    lkas_segment *segment = reader->segment;
    lkas__store(&reader->is_closed, 1, seq_cst);
    if (segment && segment->fd >= 0) lkas__raise_wake(segment->header);
}

static inline void lkas_close_reader(lkas_reader *reader) {
    lkas_close_wakes(reader);
    lkas__detach(reader);
}

/* ------------------------------------------------------------------ looking without touching */

typedef struct lkas_info {
    char record_type[48];
    uint64_t total_bytes, sequence, drops, corrupt;
    uint32_t layout_version, generation, slots, height, width, channels;
    int32_t writer_pid;   /* who wrote last */
    int has_writer;       /* and lives */
    int readers;          /* living ones */
    int is_this_boot, has_crc;
    int64_t newest_ns;    /* monotonic, of the newest message; 0: there is none */
} lkas_info;

/* Describe the segment at `path` without disturbing anybody: 1, 0 when it is not there. */
static inline int lkas_inspect(const char *path, lkas_info *info, lkas_error *error) {
    lkas_segment *segment = NULL;
    memset((void *)info, 0, sizeof *info);
    int fd = lkas__open_file(path, LKAS__READ);
    if (fd < 0 && errno == ENOENT) return 0;
    if (fd < 0) return lkas__fail(error, LKAS_E_SYSTEM, "%s: can not open the segment: %s", path, strerror(errno));
    lkas__file file;
    if (lkas__describe(fd, &file) == 0) info->total_bytes = (uint64_t)file.bytes; /* it may lose its name any time */
    int result = lkas__map(path, fd, 0, &segment, error);
    info->has_writer = lkas__first_locked(fd, 0, 1) >= 0;
    info->readers = lkas__count_readers(fd);
    if (result) {
        lkas__close_file(fd);
        return result;
    }
    lkas_header *header = segment->header;
    info->layout_version = header->layout_version;
    if (header->layout_version == LKAS_LAYOUT_VERSION) {
        uint64_t latest = lkas__load(&header->latest, acquire);
        snprintf(info->record_type, sizeof info->record_type, "%.47s", header->record_type);
        info->sequence = latest >> 8;
        info->drops = lkas__load(&header->drops, relaxed);
        info->corrupt = lkas__load(&header->corrupt, relaxed);
        info->has_crc = header->has_crc != 0;
        info->generation = lkas__load(&header->generation, relaxed);
        info->slots = header->slots;
        info->height = header->height;
        info->width = header->width;
        info->channels = header->channels;
        info->writer_pid = (int32_t)lkas__load(&header->writer_pid, relaxed);
        info->is_this_boot = lkas__is_this_boot(header);
        if ((latest & 0xff) < header->slots)
            info->newest_ns = lkas__load(&lkas_slot_at(segment, latest & 0xff)->publish_ns, acquire);
    }
    lkas_release(segment);
    return 1;
}

#endif /* LKAS_CHANNEL_H */
