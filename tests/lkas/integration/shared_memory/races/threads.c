/* Threads over one mapping, for the sanitizers: a writer that never pauses, readers that copy, that pin and that wait.
 *
 *   threads PATH COUNT     ends when every reader has had COUNT whole messages
 *
 * Exit 3: a message was torn. A sanitizer's report has the exit code that its options give it.
 */
#include "checked.h"

#include <sched.h>

enum { COPYING_RECORDS, COPYING_IMAGES, PINNING, WAITING, ROLES };
#define READERS (2 * ROLES)

static _Thread_local uint32_t dice = 1;

/* Now and then let another thread go first. */
void race_gap(int point) {
    (void)point;
    dice = dice * 1664525u + 1013904223u;
    if (dice >> 28 == 0) sched_yield();
}

typedef struct role {
    pthread_t thread;
    int index;
    lkas_reader reader;
} role;

static lkas_writer writer;
static role readers[READERS];
static long wanted;
static LKAS_ATOMIC(int) finished;

/* A sanitizer knows memory by its address: have the reader look through the writer's mapping. */
static void share_mapping(lkas_reader *reader) {
    lkas_error error;
    must(lkas_follow(reader, &error) == 0 && reader->channel, "not attached");
    munmap((void *)reader->channel->header, reader->channel->segment.bytes);
    reader->channel->header = writer.channel->header;
    reader->channel->segment.bytes = 0;
}

static int copy_record(lkas_reader *reader) {
    lkas_error error;
    checked message;
    if (lkas_read(reader, 1, &message, &error) != 1) return 0;
    check_record(&message);
    return 1;
}

static int copy_image(lkas_reader *reader) {
    lkas_error error;
    lkas_view view;
    uint8_t image[BYTES];
    if (lkas_view_begin(reader, 1, &view, &error) != 1) return 0;
    memcpy(image, lkas_view_bulk(&view), BYTES);
    const uint64_t sequence = view.sequence;
    lkas_view_end(&view);
    check_image(image, sequence);
    return 1;
}

/* Looks twice, with the next message pinned as well in between. */
static int hold_views(lkas_reader *reader) {
    lkas_error error;
    lkas_view first, second;
    checked message;
    if (lkas_view_begin(reader, 1, &first, &error) != 1) return 0;
    sched_yield();
    const int has_second = lkas_view_begin(reader, 1, &second, &error) == 1;
    check_image(lkas_view_bulk(&first), first.sequence);
    lkas_view_record(&first, &message);
    check_record(&message);
    lkas_view_end(&first);
    if (has_second) {
        check_image(lkas_view_bulk(&second), second.sequence);
        lkas_view_end(&second);
    }
    return 1;
}

static int wait_for_record(lkas_reader *reader) {
    lkas_error error;
    must(lkas_wait(reader, INT64_C(1000000000), &error) >= 0, "waiting failed");
    return copy_record(reader);
}

static void *read_on(void *argument) {
    role *self = (role *)argument;
    int (*const steps[ROLES])(lkas_reader *) = {copy_record, copy_image, hold_views, wait_for_record};
    dice = 2 + (uint32_t)self->index;
    for (long seen = 0; seen < wanted;) {
        const int has_read = steps[self->index % ROLES](&self->reader);
        seen += has_read;
        if (!has_read) sched_yield();
    }
    lkas__add(&finished, 1, seq_cst);
    return NULL;
}

/* The last reader sleeps when the writer is done, until another thread closes it. */
static void *sleep_until_closed(void *argument) {
    lkas_error error;
    lkas_reader *reader = (lkas_reader *)argument;
    checked message;
    while (lkas_read(reader, 1, &message, &error) == 1) {
    }
    must(lkas_wait(reader, INT64_C(3600000000000), &error) == 0, "woken by nothing");
    return NULL;
}

int main(int count, char **words) {
    lkas_error error;
    lkas_spec spec = SPEC(6);
    pthread_t sleeper;
    if (count != 3) return 2;
    wanted = atol(words[2]);
    if (lkas_open(&writer, words[1], &spec, &error)) stop_with(1, error.text);
    for (int i = 0; i < READERS; ++i) {
        readers[i].index = i;
        lkas_reader_init(&readers[i].reader, words[1], &spec);
        readers[i].reader.spec.slots = 0;
        share_mapping(&readers[i].reader);
        must(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]) == 0, "no thread");
    }
    while (lkas__load(&finished, seq_cst) < READERS) {
        if (claim_checked(&writer)) publish_checked(&writer);
        else sched_yield(); /* every slot is pinned */
    }
    for (int i = 0; i < READERS; ++i) pthread_join(readers[i].thread, NULL);
    must(lkas__load(&writer.channel->header->corrupt, seq_cst) == 0, "a whole message failed its CRC");
    must(pthread_create(&sleeper, NULL, sleep_until_closed, &readers[0].reader) == 0, "no thread");
    while (!lkas__load(&writer.channel->header->waiters, seq_cst)) sched_yield();
    lkas_close_wakes(&readers[0].reader);
    pthread_join(sleeper, NULL);
    for (int i = 0; i < READERS; ++i) lkas_close_reader(&readers[i].reader);
    lkas_unlink(&writer, &error);
    lkas_close_writer(&writer);
    return 0;
}
