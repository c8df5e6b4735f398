/* The orders in which a writer and a reader are known to cross each other, each played on purpose.
 *
 *   interleavings PATH SCENARIO
 *
 * What the other side does meanwhile is played inside race_gap(), at the point the scenario is about. Exit 3: torn;
 * 1: another promise was broken; killed by SIGALRM: slept through a message.
 */
#include "checked.h"

#include <semaphore.h>

static lkas_writer writer;
static lkas_reader reader;
static lkas_error error;
static pthread_t other_thread;
static int awaited_point = -1;
static void (*meanwhile)(void);

void race_gap(int point) {
    if (point != awaited_point) return;
    awaited_point = -1; /* once */
    meanwhile();
}

static void at(int point, void (*action)(void)) {
    awaited_point = point;
    meanwhile = action;
}

static void publish(void) {
    must(claim_checked(&writer), "no free slot");
    publish_checked(&writer);
}

static void publish_twice(void) {
    publish();
    publish();
}

/* The slot found by the reader is given to the next message but one, which is half-written now. */
static void overwrite_half(void) {
    publish();
    must(lkas_claim(&writer, &error) == 0, "expected the lowest slot");
    memset(lkas_claimed_bulk(&writer), (int)(uint8_t)writer.sequence, BYTES / 2);
}

static void check_view(uint64_t sequence) {
    lkas_view view;
    checked message;
    must(lkas_view_begin(&reader, 1, &view, &error) == 1, "nothing to view");
    check_image(lkas_view_bulk(&view), view.sequence);
    lkas_view_record(&view, &message);
    check_record(&message);
    must(view.sequence == sequence, "expected the newest whole message");
    lkas_view_end(&view);
}

/* Between finding the newest slot and pinning it, the slot is being overwritten. */
static void play_overwritten_before_pin(void) {
    publish();
    at(VIEW_FOUND, overwrite_half);
    check_view(2);
}

/* As before, and by then a whole newer message lies there. */
static void play_replaced_before_pin(void) {
    publish();
    at(VIEW_FOUND, publish_twice);
    check_view(3);
}

static void play_written_while_copying_record(void) {
    checked message;
    publish();
    at(COPYING, publish_twice);
    must(lkas_read(&reader, 1, &message, &error) == 1, "nothing to read");
    check_record(&message);
    must(message.words[0] == 3, "expected the newest message");
}

/* Between the first look at the mark and the first word. */
static void play_written_before_copying_record(void) {
    checked message;
    publish();
    at(COPY_STARTED, publish_twice);
    must(lkas_read(&reader, 1, &message, &error) == 1, "nothing to read");
    check_record(&message);
    must(reader.last >> 8 == message.words[0], "read one message, counted another");
}

static void play_published_before_sleep(void) {
    lkas_awaited awaited = {reader.channel, reader.last, &reader.is_closed};
    at(WAIT_LOOKED, publish);
    lkas_wait_slice(&awaited, 1, INT64_C(3600000000000));
    must(lkas_has_new(&reader), "woke for nothing");
}

/* Asleep already: the thread that publishes starts when the waiter has looked, and gives it time to fall asleep. */
static void *publish_later(void *unused) {
    lkas__sleep_ns(20000000);
    publish();
    return unused;
}

static void start_publishing(void) { must(pthread_create(&other_thread, NULL, publish_later, NULL) == 0, "no thread"); }

static void play_published_to_a_sleeper(void) {
    lkas_awaited awaited = {reader.channel, reader.last, &reader.is_closed};
    at(WAIT_LOOKED, start_publishing);
    lkas_wait_slice(&awaited, 1, INT64_C(3600000000000));
    must(lkas_has_new(&reader), "woke for nothing");
    pthread_join(other_thread, NULL);
}

static void close_meanwhile(void) { lkas_close_wakes(&reader); }

static void play_closed_before_sleep(void) {
    publish();
    lkas_awaited awaited = {reader.channel, 1 << 8, &reader.is_closed};
    at(WAIT_LOOKED, close_meanwhile);
    lkas_wait_slice(&awaited, 1, INT64_C(3600000000000));
}

/* ---- a reader that pins while the writer is taking its slot: the reader is a thread that waits for its cue */

static sem_t reader_found, reader_may_go, reader_has_pinned;
static lkas_view late_view;

static void wait_for_cue(void) {
    sem_post(&reader_found);
    sem_wait(&reader_may_go);
}

static void *pin_late(void *unused) {
    at(VIEW_FOUND, wait_for_cue);
    must(lkas_view_begin(&reader, 1, &late_view, &error) == 1, "nothing to view");
    sem_post(&reader_has_pinned);
    return unused;
}

static void let_reader_pin(void) {
    sem_post(&reader_may_go);
    sem_wait(&reader_has_pinned);
}

/* The writer has looked at the pins and chosen a slot; before it marks it, the reader pins it, and is content. */
static void play_pinned_while_claiming(void) {
    checked message;
    sem_init(&reader_found, 0, 0);
    sem_init(&reader_may_go, 0, 0);
    sem_init(&reader_has_pinned, 0, 0);
    publish();
    must(pthread_create(&other_thread, NULL, pin_late, NULL) == 0, "no thread");
    sem_wait(&reader_found);
    publish(); /* the reader's slot is no longer the newest */
    at(CLAIM_CHOSEN, let_reader_pin);
    must(claim_checked(&writer), "no free slot");
    pthread_join(other_thread, NULL);
    check_image(lkas_view_bulk(&late_view), 1);
    must(late_view.slot == 0 && writer.slot == 2, "expected the next free slot");
    must(lkas__load(&lkas_slot_at(writer.channel, 0)->mark, acquire) == 2, "the pinned slot lost its mark");
    publish_checked(&writer);
    lkas_view_record(&late_view, &message);
    check_record(&message);
    lkas_view_end(&late_view);
    must(lkas_claim(&writer, &error) == 0, "an unpinned slot is free again");
}

static const struct {
    const char *name;
    void (*play)(void);
} scenarios[] = {
    {"overwritten_before_pin", play_overwritten_before_pin},
    {"replaced_before_pin", play_replaced_before_pin},
    {"written_while_copying_record", play_written_while_copying_record},
    {"written_before_copying_record", play_written_before_copying_record},
    {"published_before_sleep", play_published_before_sleep},
    {"published_to_a_sleeper", play_published_to_a_sleeper},
    {"closed_before_sleep", play_closed_before_sleep},
    {"pinned_while_claiming", play_pinned_while_claiming},
};

int main(int count, char **words) {
    lkas_spec spec = SPEC(3);
    if (count != 4) return 2;
    alarm((unsigned)atoi(words[3])); /* seconds until a sleep counts as one without end */
    if (lkas_open(&writer, words[1], &spec, &error)) stop_with(1, error.text);
    lkas_reader_init(&reader, words[1], &spec);
    must(lkas_follow(&reader, &error) == 0 && reader.channel, "not attached");
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; ++i)
        if (!strcmp(scenarios[i].name, words[2])) {
            scenarios[i].play();
            return 0;
        }
    return 2;
}
