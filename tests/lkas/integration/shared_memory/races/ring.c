/* Threads over one inbox, for the sanitizers: senders of messages of many sizes, and a receiver that gives them back
 * out of order.
 *
 *   ring PATH COUNT        ends when COUNT messages of each sender were received
 *
 * Exit 3: a message was torn, or one of a sender's came out of its order. A sanitizer's report has the exit code that
 * its options give it.
 */
#include <lkas_ring.h>

#include <sched.h>

#define SENDERS 3
#define SLOTS 8
#define CAPACITY 16384
#define LARGEST 3000
#define HELD 3 /* messages at a time */

typedef struct sender {
    pthread_t thread;
    uint64_t number;
} sender;

static lkas_ring *inbox, *bell;
static uint64_t wanted;

static void stop_with(int code, const char *what) {
    fprintf(stderr, "%s\n", what);
    _Exit(code);
}

static uint64_t size_of(uint64_t sender, uint64_t request) { return (sender * 7919 + request * 104729) % LARGEST; }

static uint8_t byte_of(uint64_t sender, uint64_t request) { return (uint8_t)(sender * 31 + request); }

static int push(uint64_t number, uint64_t request) {
    lkas_error error;
    lkas_ring_room room;
    const uint64_t bytes = size_of(number, request);
    if (lkas_ring_lock(inbox, LKAS_RING_TURN_NS) != LKAS_OK) return 0;
    sched_yield(); /* the receiver may come by and give room back */
    if (lkas_ring_claim(inbox, bytes, &room, &error) != LKAS_OK) return 0;
    memset(room.place, byte_of(number, request), bytes);
    lkas_ring_commit(inbox, &room, 1, 1, number, request);
    return 1;
}

static void *send_on(void *argument) {
    const sender *self = (const sender *)argument;
    for (uint64_t request = 0; request < wanted; ++request)
        for (;;) {
            const uint32_t word = lkas_bell_watch(bell);
            if (push(self->number, request)) break;
            lkas_bell_wait(bell, word, LKAS_SLICE_NS);
        }
    return NULL;
}

static void check(const lkas_ring_entry *entry) {
    const uint8_t *bytes = (const uint8_t *)lkas_ring_bytes(inbox, entry->offset);
    if (entry->sender >= SENDERS || entry->bytes != size_of(entry->sender, entry->request))
        stop_with(3, "of another size");
    for (uint64_t i = 0; i < entry->bytes; ++i)
        if (bytes[i] != byte_of(entry->sender, entry->request)) stop_with(3, "torn");
}

/* Give `held` messages back, the second one first, the youngest last; each is whole until then. */
static void give_back(const uint64_t *positions, uint32_t held) {
    static const uint32_t order[HELD] = {1, 0, 2};
    for (uint32_t i = 0; i < HELD; ++i) {
        if (order[i] >= held) continue;
        sched_yield(); /* a sender may come by */
        check(lkas_ring_entry_at(inbox, positions[order[i]]));
        lkas_inbox_release(inbox, positions[order[i]], bell);
    }
}

static void receive_all(void) {
    uint64_t next[SENDERS] = {0}, positions[HELD];
    uint32_t held = 0;
    for (uint64_t received = 0; received < SENDERS * wanted;) {
        const lkas_ring_entry *entry = lkas_inbox_take(inbox, &positions[held]);
        if (entry) {
            check(entry);
            if (entry->request != next[entry->sender]++) stop_with(3, "out of order");
            ++received;
            ++held;
        }
        if (held == HELD || !entry) {
            give_back(positions, held);
            held = 0;
        }
        if (!entry) lkas_inbox_wait(inbox, LKAS_SLICE_NS);
    }
    give_back(positions, held);
}

int main(int count, char **words) {
    lkas_error error;
    sender senders[SENDERS];
    char bell_path[LKAS_PATH_BYTES];
    if (count != 3) return 2;
    wanted = strtoull(words[2], NULL, 10);
    snprintf(bell_path, sizeof bell_path, "%s-bell", words[1]);
    if (!(bell = lkas_bell_open(bell_path, &error)) || !(inbox = lkas_inbox_create(words[1], SLOTS, CAPACITY, &error)))
        stop_with(1, error.text);
    for (uint64_t i = 0; i < SENDERS; ++i) {
        senders[i].number = i;
        if (pthread_create(&senders[i].thread, NULL, send_on, &senders[i])) stop_with(1, "no thread");
    }
    receive_all();
    for (uint64_t i = 0; i < SENDERS; ++i) pthread_join(senders[i].thread, NULL);
    lkas_inbox_close(inbox, bell, 0);
    lkas_bell_close(bell);
    lkas_ring_release(inbox);
    lkas_ring_release(bell);
    return 0;
}
