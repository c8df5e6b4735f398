/* lkas_slots.h: the segment of a channel: a control area (LKAS_CONTROL_BYTES), then slots of a fixed stride.
 *
 * A slot holds a record (small, moved as 8-byte atomic words) and, for images, bulk bytes (large, touched only under a
 * pin). lkas_channel.h says what the memory model promises. */
#ifndef LKAS_SLOTS_H
#define LKAS_SLOTS_H

#include "lkas_crc.h"
#include "lkas_segment.h"

#define LKAS_MAGIC UINT32_C(0x53414b4c) /* "LKAS" in memory */
#define LKAS_LAYOUT_VERSION 1u
#define LKAS_READERS 64
#define LKAS_PINS 2
#define LKAS_MAX_SLOTS 64
#define LKAS_NO_SLOT 0xffu
#define LKAS_CONTROL_BYTES 8192
#define LKAS_SLOT_HEADER_BYTES 64
#define LKAS_MAX_RECORD_BYTES 4096
#define LKAS_NO_STAMPS UINT32_MAX

/* What a program expects of a segment. A reader leaves slots at 0, and image sizes at 0 for "any". */
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

/* Written before the segment gets its name, constant from then on. Every process judges it once, when it attaches, and
 * uses its own copy: what damages the file later cannot lead it out of its mapping. */
typedef struct lkas_facts {
    uint32_t magic, layout_version;
    uint64_t schema_hash;
    char record_type[48];
    uint8_t boot_id[16];
    uint64_t total_bytes, slot_stride, bulk_bytes;
    uint32_t slots, record_bytes, stamp_offset, bulk_offset; /* bulk_offset: within a slot */
    uint32_t height, width, channels, pixel_stride;
    uint64_t row_stride;
    uint32_t has_crc, spare;
} lkas_facts;

typedef struct lkas_header {
    lkas_facts facts;
    /* The writer's state. */
    alignas(64) LKAS_ATOMIC(uint64_t) latest; /* sequence << 8 | slot */
    LKAS_ATOMIC(uint32_t) generation;         /* counts writers */
    LKAS_ATOMIC(uint32_t) replaced;           /* 1: the name now refers to another segment or to none */
    LKAS_ATOMIC(uint32_t) writer_pid;         /* the last one; the lock says whether it lives */
    LKAS_ATOMIC(uint64_t) drops;
    /* Shared by all. */
    alignas(64) LKAS_ATOMIC(uint32_t) wake; /* the futex word */
    LKAS_ATOMIC(uint32_t) waiters;          /* too high after a waiter was killed: costs a needless system call */
    LKAS_ATOMIC(uint32_t) reader_limit;     /* entries from here on have never been used */
    LKAS_ATOMIC(uint64_t) corrupt;          /* messages that failed their CRC, counted by all readers */
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

/* One attached channel: a segment with its header. Counted: views keep theirs when the reader has moved on. */
typedef struct lkas_channel {
    lkas_segment segment;
    lkas_header *header;
    lkas_facts facts;   /* as judged when it was attached */
    int reader;         /* index in the reader table, -1: the writer */
    uint32_t held_pins; /* bit p: pin p is in use */
    int is_leaving;     /* unlocks with its last pin */
} lkas_channel;

static inline lkas_slot *lkas_slot_at(const lkas_channel *channel, uint32_t slot) {
    return (lkas_slot *)((char *)channel->header + LKAS_CONTROL_BYTES + slot * channel->facts.slot_stride);
}

static inline LKAS_ATOMIC(uint64_t) * lkas_slot_record(lkas_slot *slot) {
    return (LKAS_ATOMIC(uint64_t) *)((char *)slot + LKAS_SLOT_HEADER_BYTES);
}

static inline void *lkas_slot_bulk(const lkas_channel *channel, uint32_t slot) {
    return (char *)lkas_slot_at(channel, slot) + channel->facts.bulk_offset;
}

static inline int lkas__is_this_boot(const lkas_facts *facts) {
    uint8_t id[16];
    lkas__boot_id(id);
    return memcmp(id, facts->boot_id, sizeof id) == 0;
}

/* CRC of a record, in a slot that is not being written. */
static inline uint32_t lkas__record_crc(const lkas_channel *channel, uint32_t slot) {
    LKAS_ATOMIC(uint64_t) *words = lkas_slot_record(lkas_slot_at(channel, slot));
    uint32_t crc = 0;
    for (uint32_t i = 0; i < channel->facts.record_bytes / 8; ++i) {
        const uint64_t word = lkas__load(&words[i], relaxed);
        crc = lkas__crc(crc, &word, sizeof word);
    }
    return crc;
}

static inline uint32_t lkas__bulk_crc(const lkas_channel *channel, uint32_t slot) {
    return lkas__crc(0, lkas_slot_bulk(channel, slot), channel->facts.bulk_bytes);
}


static inline int lkas__count_readers(int fd) {
    int readers = 0;
    for (int64_t byte = 1; byte <= LKAS_READERS; ++byte) {
        if ((byte = lkas__first_locked(fd, byte, LKAS_READERS + 1 - byte)) < 0) break;
        ++readers;
    }
    return readers;
}

/* ------------------------------------------------------------------ mapping, pins, wake-up */

static inline lkas_channel *lkas__new_channel(int fd, void *mapping, size_t bytes, const lkas_facts *facts) {
    lkas_channel *channel = (lkas_channel *)lkas__new_segment(sizeof *channel, fd, mapping, bytes);
    if (!channel) return NULL;
    channel->header = (lkas_header *)mapping;
    channel->facts = *facts;
    channel->reader = -1;
    if (channel->facts.has_crc) {
        lkas__lock_registry(); /* several threads may come here first */
        lkas__fill_crc_table();
        lkas__unlock_registry();
    }
    return channel;
}

/* Release lock and reader entry; the mapping stays. */
static inline void lkas__leave(lkas_channel *channel) {
    if (channel->segment.fd >= 0 && channel->reader >= 0) {
        lkas_reader_entry *entry = &channel->header->readers[channel->reader];
        for (int pin = 0; pin < LKAS_PINS; ++pin) lkas__store(&entry->pins[pin], 0u, release);
        lkas__store(&entry->pid, 0u, relaxed);
    }
    lkas__unlock_segment(&channel->segment);
}

static inline lkas_channel *lkas_retain(lkas_channel *channel) {
    lkas__retain_segment(&channel->segment);
    return channel;
}

static inline void lkas_release(lkas_channel *channel) {
    if (!channel || !lkas__is_last_user(&channel->segment)) return;
    lkas__leave(channel);
    lkas__free_segment(&channel->segment);
}

static inline void lkas__raise_wake(lkas_header *header) {
    lkas__add(&header->wake, 1u, seq_cst);
    if (lkas__load(&header->waiters, seq_cst)) lkas__futex_wake(&header->wake);
}


/* ------------------------------------------------------------------ layout */

static inline int lkas__check_spec(const lkas_spec *spec, lkas_error *error) {
    uint64_t bulk = (uint64_t)spec->height * spec->width * spec->channels;
    if (spec->record_bytes % 8 || spec->record_bytes > LKAS_MAX_RECORD_BYTES)
        return lkas__fail(error, LKAS_E_ARGUMENT,
                          "a record of %s must have a multiple of 8 bytes and at most %d, not %u",
                          spec->record_type, LKAS_MAX_RECORD_BYTES, spec->record_bytes);
    if (spec->slots < 2 || spec->slots > LKAS_MAX_SLOTS)
        return lkas__fail(error, LKAS_E_ARGUMENT, "slots must be from 2 to %d, not %u", LKAS_MAX_SLOTS, spec->slots);
    if (spec->has_image && (!bulk || spec->height > 65536 || spec->width > 65536 || spec->channels > 16))
        return lkas__fail(error, LKAS_E_ARGUMENT, "an image of %u x %u x %u (height, width, channels) cannot be sent",
                          spec->height, spec->width, spec->channels);
    return LKAS_OK;
}

static inline void lkas__fill_facts(lkas_facts *facts, const lkas_spec *spec) {
    const uint64_t record_end = LKAS_SLOT_HEADER_BYTES + (spec->record_bytes + 63u) / 64 * 64;
    memset(facts, 0, sizeof *facts);
    facts->magic = LKAS_MAGIC;
    facts->layout_version = LKAS_LAYOUT_VERSION;
    facts->schema_hash = spec->schema_hash;
    const size_t length = strlen(spec->record_type), longest = sizeof facts->record_type - 1;
    memcpy(facts->record_type, spec->record_type, length < longest ? length : longest);
    lkas__boot_id(facts->boot_id);
    facts->slots = spec->slots;
    facts->record_bytes = spec->record_bytes;
    facts->stamp_offset = spec->stamp_offset;
    facts->slot_stride = record_end;
    facts->has_crc = spec->has_crc;
    if (spec->has_image) {
        facts->height = spec->height;
        facts->width = spec->width;
        facts->channels = facts->pixel_stride = spec->channels;
        facts->row_stride = (uint64_t)spec->width * spec->channels;
        facts->bulk_bytes = facts->row_stride * spec->height;
        facts->bulk_offset = (uint32_t)record_end;
        facts->slot_stride = (record_end + facts->bulk_bytes + 4095) / 4096 * 4096;
    }
    facts->total_bytes = LKAS_CONTROL_BYTES + facts->slots * facts->slot_stride;
}

/* Whether a new writer can adopt the segment without its readers noticing. */
static inline int lkas__has_shape(const lkas_facts *found, const lkas_facts *wanted) {
    return memcmp(found, wanted, sizeof *found) == 0;
}

/* Whether the facts of this layout version fit each other and a file of so many bytes: everything that follows from the
 * shape is calculated again and compared. */
static inline int lkas_facts_are_sound(const lkas_facts *facts, uint64_t file_bytes) {
    lkas_facts expected;
    lkas_error ignored;
    char record_type[sizeof facts->record_type + 1] = {0};
    memcpy(record_type, facts->record_type, sizeof facts->record_type);
    lkas_spec spec = {record_type, facts->schema_hash, facts->record_bytes, facts->stamp_offset, facts->slots,
                      facts->height != 0, facts->height, facts->width, facts->channels, facts->has_crc};
    const int has_stamps = facts->stamp_offset != LKAS_NO_STAMPS;
    if (strlen(record_type) >= sizeof facts->record_type || lkas__check_spec(&spec, &ignored) || facts->has_crc > 1 ||
        (has_stamps && (facts->stamp_offset % 8 || (uint64_t)facts->stamp_offset + 16 > facts->record_bytes)))
        return 0;
    lkas__fill_facts(&expected, &spec);
    memcpy(expected.boot_id, facts->boot_id, sizeof expected.boot_id); /* of another boot: stale, not damaged */
    return facts->total_bytes == file_bytes && memcmp(facts, &expected, sizeof expected) == 0;
}

/* Read what an existing file says of itself, and check what every program relies on. Maps nothing. */
static inline int lkas__judge(const char *path, int fd, lkas_facts *facts, lkas__file *file, lkas_error *error) {
    if (lkas__describe(fd, file)) return lkas__fail(error, LKAS_E_SYSTEM, "%s: %s", path, strerror(errno));
    if (file->is_regular && !file->is_own)
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: belongs to user %u, not to %u", path, (unsigned)file->owner,
                          (unsigned)lkas__user());
    memset(facts, 0, sizeof *facts);
    if (!file->is_regular || file->bytes < LKAS_CONTROL_BYTES ||
        lkas__read_start(fd, facts, sizeof *facts) != (int64_t)sizeof *facts)
        return lkas__fail(error, LKAS_E_NOT_A_SEGMENT,
                          "%s: not a channel: %lld bytes, expected at least %d; remove it", path,
                          (long long)file->bytes, LKAS_CONTROL_BYTES);
    if (facts->magic != LKAS_MAGIC)
        return lkas__fail(error, LKAS_E_NOT_A_SEGMENT,
                          "%s: not a channel: starts with %08x, expected %08x; remove it", path,
                          (unsigned)facts->magic, (unsigned)LKAS_MAGIC);
    if (facts->layout_version == LKAS_LAYOUT_VERSION && !lkas_facts_are_sound(facts, (uint64_t)file->bytes))
        return lkas__fail(error, LKAS_E_NOT_A_SEGMENT,
                          "%s: damaged: has %lld bytes, its header says %llu in %u slots of %llu; remove it", path,
                          (long long)file->bytes, (unsigned long long)facts->total_bytes, (unsigned)facts->slots,
                          (unsigned long long)facts->slot_stride);
    return LKAS_OK;
}

/* Map an existing file whose lock is on `fd`. */
static inline int lkas__map(const char *path, int fd, int is_writable, lkas_channel **out, lkas_error *error) {
    lkas__file file;
    lkas_facts facts;
    if (lkas__judge(path, fd, &facts, &file, error)) return error->code;
    void *mapping = lkas__map_file(fd, (size_t)file.bytes, is_writable);
    if (!mapping)
        return lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot map %lld bytes: %s", path, (long long)file.bytes,
                          strerror(errno));
    if ((*out = lkas__new_channel(fd, mapping, (size_t)file.bytes, &facts)) != NULL) return LKAS_OK;
    lkas__unmap(mapping, (size_t)file.bytes);
    return lkas__fail(error, LKAS_E_SYSTEM, "%s: out of memory", path);
}

#endif /* LKAS_SLOTS_H */
