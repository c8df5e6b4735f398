/* lkas_publisher.h: publish what a perception core in C or C++ sees, report its state, answer its commands. POSIX.
 *
 *   lkas_publisher_config config;
 *   lkas_publisher_default_config(&config);
 *   config.command = my_command_handler;                  called in a thread of its own; its answer is the ack
 *   lkas_publisher *core = lkas_publisher_init(&config);
 *   if (lkas_publisher_start(core)) return 1;             the reason was printed; lkas_publisher_error() has it as well
 *   for (each frame) {
 *       lkas_publisher_detections(core, &detection);      no stamp needed
 *       lkas_publisher_tracks(core, tracks, tracks_count);
 *   }
 *   lkas_publisher_destroy(core);                         stops it first
 *
 * LKASClient (Python) is the other side, and the decision of `lkas` steers by these detections. lkas_messages.h has the
 * structs; lkas/integration/shared_memory/messages.py says what their fields mean. Signs: x forward, y left, left is
 * positive.
 *
 * Calls return LKAS_OK or a negative LKAS_E_... of lkas_segment.h. Each new failure is passed to config.report, whose
 * default prints it, once and not for each message. Two threads run between start and stop: one calls the command
 * handler, one writes the status file twice a second; the program's signals never reach them. Publishing and stats are
 * for any thread and source file; start, stop and destroy for one thread at a time, in the same source file. In the
 * child of a fork every call but destroy fails.
 *
 * Include it before any system header, or define _GNU_SOURCE. Link with -pthread.
 */
#ifndef LKAS_PUBLISHER_H
#define LKAS_PUBLISHER_H

#include "lkas_publisher_state.h"

static inline void lkas_publisher_print(const char *sentence, void *context) {
    (void)context;
    fprintf(stderr, "%s\n", sentence);
}

static inline void lkas_publisher_default_config(lkas_publisher_config *config) {
    memset((void *)config, 0, sizeof *config);
    config->name = "perception";
    config->version = "unknown";
    config->detections = config->tracks = config->timelines = 1;
    config->checksum = 1;
    config->slots = 8;
    config->report = lkas_publisher_print;
}

/* Make a publisher that does nothing yet. NULL: out of memory; every call accepts that NULL. */
static inline lkas_publisher *lkas_publisher_init(const lkas_publisher_config *config) {
    lkas_publisher *core = (lkas_publisher *)calloc(1, sizeof *core);
    if (!core) {
        if (config->report) config->report("no memory for a publisher", config->context);
        return NULL;
    }
    const char *const variable = getenv("LKAS_INSTANCE");
    const char *const instance = config->instance ? config->instance : variable && *variable ? variable : "default";
    snprintf(core->name, sizeof core->name, "%s", config->name ? config->name : "");
    snprintf(core->version, sizeof core->version, "%s", config->version ? config->version : "unknown");
    snprintf(core->instance, sizeof core->instance, "%s", instance);
    core->config = *config;
    core->config.name = core->config.version = core->config.instance = NULL;
    core->forks = lkas__forks;
    pthread_mutex_init(&core->lock, NULL);
    return core;
}

/* The newest failure as a sentence, "" when there was none. */
static inline const char *lkas_publisher_error(const lkas_publisher *core) {
    return core ? core->error.text : "no memory for a publisher";
}

/* ------------------------------------------------------------------ start and stop */

static inline int lkas__check_config(lkas_publisher *core) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const size_t name_bytes = strlen(core->name), instance_bytes = strlen(core->instance);
    if (name_bytes < 1 || name_bytes > 64)
        return lkas__fail(&core->error, LKAS_E_ARGUMENT, "config.name \"%s\": expected 1 to 64 bytes", core->name);
    if (instance_bytes < 1 || instance_bytes > 64 || strspn(core->instance, letters) != instance_bytes)
        return lkas__fail(&core->error, LKAS_E_ARGUMENT, "instance \"%s\": expected 1 to 64 letters, digits, - or _",
                          core->instance);
    return LKAS_OK;
}

static inline void lkas__close_outputs(lkas_publisher *core) {
    lkas_error ignored; /* one that cannot be removed is found by `lkas doctor` */
    for (int i = 0; i < LKAS__OUTPUTS; ++i) {
        if (!core->writers[i].channel) continue;
        lkas_unlink(&core->writers[i], &ignored);
        lkas_close_writer(&core->writers[i]);
    }
}

static inline int lkas__open_outputs(lkas_publisher *core) {
    static const char *const names[] = {"lane_detection", "lane_tracks", "lane_timeline"};
    const int is_wanted[] = {core->config.detections, core->config.tracks, core->config.timelines};
    lkas_spec specs[] = {LKAS_DETECTION_MESSAGE_SPEC(core->config.slots), LKAS_TRACKS_MESSAGE_SPEC(core->config.slots),
                         LKAS_TIMELINE_MESSAGE_SPEC(core->config.slots)};
    char path[LKAS_PATH_BYTES];
    for (int i = 0; i < LKAS__OUTPUTS; ++i) {
        specs[i].has_crc = core->config.checksum != 0;
        lkas_path(path, NULL, core->instance, names[i]); /* 64 bytes of instance always fit */
        if (is_wanted[i] && lkas_open(&core->writers[i], path, &specs[i], &core->error)) return core->error.code;
    }
    return LKAS_OK;
}

static inline int lkas__start(lkas_publisher *core) {
    lkas_error *const error = &core->error;
    if (lkas__load(&core->is_running, seq_cst))
        return lkas__fail(error, LKAS_E_ARGUMENT, "%s: this publisher has been started already", core->name);
    if (lkas__check_config(core)) return error->code;
    core->started_ns = lkas_now_ns();
    core->reported[0] = '\0';
    if (lkas_runtime_path(core->status_path, core->instance, LKAS_STATUS_NAME, error)) return error->code;
    if (lkas__open_outputs(core) == LKAS_OK &&
        lkas_commands_open(&core->commands, core->instance, LKAS_COMMANDS_NAME, error) == LKAS_OK) {
        if (lkas__start_threads(core) == LKAS_OK) return LKAS_OK;
        lkas_commands_close(&core->commands);
    }
    lkas__close_outputs(core);
    return error->code;
}

/* Create the channels, receive commands and report "running". Fails when another process writes one of the channels. */
static inline int lkas_publisher_start(lkas_publisher *core) {
    if (lkas__check_owner(core)) return lkas__check_owner(core);
    return lkas__start(core) == LKAS_OK ? LKAS_OK : lkas__report(core, &core->error);
}

/* Report "stopped" and remove the channels. Waits for the command handler to return, and so must not be called in it:
 * set a flag there. lkas_publisher_start() may follow. */
static inline int lkas_publisher_stop(lkas_publisher *core) {
    if (!core || core->forks != lkas__forks || !lkas__load(&core->is_running, seq_cst)) return LKAS_OK;
    lkas_error error;
    if (pthread_equal(pthread_self(), core->threads[0])) {
        lkas__fail(&error, LKAS_E_ARGUMENT, "%s: a command handler cannot stop its publisher: set a flag", core->name);
    } else {
        lkas__join(core, 2);
        lkas_commands_close(&core->commands);
        pthread_mutex_lock(&core->lock);
        lkas__close_outputs(core);
        pthread_mutex_unlock(&core->lock);
        if (lkas__write_state(core, "stopped", &error) == LKAS_OK) return LKAS_OK;
    }
    return lkas__report(core, &error);
}

static inline void lkas_publisher_destroy(lkas_publisher *core) {
    if (!core) return;
    lkas_publisher_stop(core);
    if (core->forks == lkas__forks) pthread_mutex_destroy(&core->lock);
    free(core);
}

/* ------------------------------------------------------------------ publishing */

/* Fill in the stamps that are 0. Tracks and timelines without any belong to the newest detection, unless its have been
 * published already: then, and without a detection, to now. */
static inline lkas__stamps lkas__stamped(const lkas_publisher *core, int output, lkas__stamps given) {
    const lkas__stamps *newest = &core->newest;
    const int has_stamps = given.frame_id || given.timestamp != 0 || given.capture_ns;
    const int is_due = newest->capture_ns && core->published_ns[output] != newest->capture_ns;
    if (output != LKAS__DETECTIONS && !has_stamps && is_due) return *newest;
    if (!given.frame_id) given.frame_id = newest->frame_id + (output == LKAS__DETECTIONS);
    if (!given.capture_ns) given.capture_ns = lkas_now_ns();
    if (given.timestamp == 0) given.timestamp = 1e-9 * (double)given.capture_ns;
    return given;
}

/* The caller holds the lock. */
static inline int lkas__write_output(lkas_publisher *core, int output, void *record) {
    static const char *const names[] = {"detections", "tracks", "timelines"};
    lkas__stamps stamps;
    if (!lkas__load(&core->is_running, seq_cst))
        return lkas__fail(&core->error, LKAS_E_CLOSED, "%s: %s while it is stopped: call lkas_publisher_start() first",
                          core->name, names[output]);
    if (!core->writers[output].channel)
        return lkas__fail(&core->error, LKAS_E_CLOSED, "%s: config.%s is 0, so it publishes none", core->name,
                          names[output]);
    memcpy(&stamps, record, sizeof stamps);
    stamps = lkas__stamped(core, output, stamps);
    memcpy(record, &stamps, sizeof stamps);
    if (lkas_write(&core->writers[output], record, NULL, &core->error) < 0) return core->error.code;
    core->published_ns[output] = stamps.capture_ns;
    if (output == LKAS__DETECTIONS) core->newest = stamps;
    return LKAS_OK;
}

static inline int lkas__publish(lkas_publisher *core, int output, void *record) {
    if (lkas__check_owner(core)) return lkas__check_owner(core);
    pthread_mutex_lock(&core->lock);
    const int result = lkas__write_output(core, output, record) ? lkas__report(core, &core->error) : LKAS_OK;
    pthread_mutex_unlock(&core->lock);
    return result;
}

static inline int lkas__refuse_count(lkas_publisher *core, const char *what, int64_t count, int limit) {
    if (lkas__check_owner(core)) return lkas__check_owner(core);
    pthread_mutex_lock(&core->lock);
    lkas__fail(&core->error, LKAS_E_ARGUMENT, "%s: %lld %s, expected 0 to %d", core->name, (long long)count, what, limit);
    const int result = lkas__report(core, &core->error);
    pthread_mutex_unlock(&core->lock);
    return result;
}

/* Publish what one frame shows. Stamps that are 0 are filled in: the next frame_id, now, the current session. */
static inline int lkas_publisher_detections(lkas_publisher *core, const struct lkas_detection_message *detection) {
    struct lkas_detection_message copy = *detection;
    return lkas__publish(core, LKAS__DETECTIONS, &copy);
}

/* Publish all lines that are followed, at most 8: those of the newest detection's frame. */
static inline int lkas_publisher_tracks(lkas_publisher *core, const struct lkas_track *tracks, int count) {
    struct lkas_tracks_message message;
    const int limit = (int)(sizeof message.tracks / sizeof *message.tracks);
    if (count < 0 || count > limit) return lkas__refuse_count(core, "tracks", count, limit);
    memset(&message, 0, sizeof message);
    message.tracks_count = (uint32_t)count;
    if (count) memcpy(message.tracks, tracks, (size_t)count * sizeof *tracks);
    return lkas__publish(core, LKAS__TRACKS, &message);
}

/* Publish the predicted motion, at most 31 points. Without stamps it starts from the newest detection's frame. */
static inline int lkas_publisher_timeline(lkas_publisher *core, const struct lkas_timeline_message *timeline) {
    struct lkas_timeline_message copy = *timeline;
    const int limit = (int)(sizeof copy.points / sizeof *copy.points);
    if (copy.points_count > (uint32_t)limit) return lkas__refuse_count(core, "points", copy.points_count, limit);
    return lkas__publish(core, LKAS__TIMELINES, &copy);
}

/* ------------------------------------------------------------------ stats */

static inline int lkas__put_stat(lkas_publisher *core, const lkas_stat *stat) {
    int at = 0;
    const void *const end = memchr(stat->name, '\0', sizeof stat->name);
    if (!stat->name[0] || !end)
        return lkas__fail(&core->error, LKAS_E_ARGUMENT, "%s: a stat has a name of 1 to 64 bytes", core->name);
    if (!isfinite(stat->value))
        return lkas__fail(&core->error, LKAS_E_ARGUMENT, "%s: stat %s: expected a finite number", core->name, stat->name);
    while (at < core->stats_count && strcmp(core->stats[at].name, stat->name) != 0) ++at;
    if (at == LKAS_STATS)
        return lkas__fail(&core->error, LKAS_E_ARGUMENT, "%s: stat %s: there are %d already", core->name, stat->name, at);
    core->stats[at] = *stat;
    if (at == core->stats_count) ++core->stats_count;
    return LKAS_OK;
}

/* Set numbers of any name, new ones or known ones, at most 64 in all: LKASClient.get_stats()["core"] has them within a
 * tenth of a second. */
static inline int lkas_publisher_update_stats(lkas_publisher *core, const lkas_stat *stats, int count) {
    int result = LKAS_OK;
    if (lkas__check_owner(core)) return lkas__check_owner(core);
    pthread_mutex_lock(&core->lock);
    for (int i = 0; i < count; ++i)
        if (lkas__put_stat(core, &stats[i])) result = lkas__report(core, &core->error);
    pthread_mutex_unlock(&core->lock);
    lkas__raise_status(core);
    return result;
}

#endif /* LKAS_PUBLISHER_H */
