/* lkas_inspect.h: describe a channel without disturbing its writer and readers. */
#ifndef LKAS_INSPECT_H
#define LKAS_INSPECT_H

#include "lkas_slots.h"

typedef struct lkas_info {
    char record_type[48];
    uint64_t total_bytes, sequence, drops, corrupt;
    uint32_t layout_version, generation, slots, height, width, channels;
    int32_t writer_pid;   /* the last writer */
    int has_writer;       /* whether it lives */
    int readers;          /* living ones */
    int is_this_boot, has_crc;
    int64_t newest_ns;    /* monotonic, of the newest message; 0: there is none */
} lkas_info;

/* Describe the segment at `path` without disturbing its users: 1, 0 when it is not there. */
static inline int lkas_inspect(const char *path, lkas_info *info, lkas_error *error) {
    lkas_channel *channel = NULL;
    memset((void *)info, 0, sizeof *info);
    int fd = lkas__open_file(path, LKAS__READ);
    if (fd < 0 && errno == ENOENT) return 0;
    if (fd < 0) return lkas__fail(error, LKAS_E_SYSTEM, "%s: cannot open the segment: %s", path, strerror(errno));
    lkas__file file;
    if (lkas__describe(fd, &file) == 0) info->total_bytes = (uint64_t)file.bytes; /* it may lose its name any time */
    int result = lkas__map(path, fd, 0, &channel, error);
    info->has_writer = lkas__first_locked(fd, 0, 1) >= 0;
    info->readers = lkas__count_readers(fd);
    if (result) {
        lkas__close_file(fd);
        return result;
    }
    lkas_header *header = channel->header;
    const lkas_facts *facts = &channel->facts;
    info->layout_version = facts->layout_version;
    if (facts->layout_version == LKAS_LAYOUT_VERSION) {
        uint64_t latest = lkas__load(&header->latest, acquire);
        snprintf(info->record_type, sizeof info->record_type, "%.47s", facts->record_type);
        info->sequence = latest >> 8;
        info->drops = lkas__load(&header->drops, relaxed);
        info->corrupt = lkas__load(&header->corrupt, relaxed);
        info->has_crc = facts->has_crc != 0;
        info->generation = lkas__load(&header->generation, relaxed);
        info->slots = facts->slots;
        info->height = facts->height;
        info->width = facts->width;
        info->channels = facts->channels;
        info->writer_pid = (int32_t)lkas__load(&header->writer_pid, relaxed);
        info->is_this_boot = lkas__is_this_boot(facts);
        if ((latest & 0xff) < facts->slots)
            info->newest_ns = lkas__load(&lkas_slot_at(channel, latest & 0xff)->publish_ns, acquire);
    }
    lkas_release(channel);
    return 1;
}

#endif /* LKAS_INSPECT_H */
