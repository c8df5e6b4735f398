/* A perception core in C: publishes its detections and tracks ten times a second and its predicted timeline once
 * a second, writes a status file, and answers commands. LKASClient is the other side.
 *
 *   perception [INSTANCE [COUNT]]     until COUNT rounds are done, or Ctrl-C
 *
 * The road is synthetic: a straight lane 3.5 m wide in which the vehicle weaves by 0.3 m. A real core puts its own
 * values into the same three structs. Signs: x forward, y left, angles counter-clockwise, so left is positive.
 */
#include <lkas_channel.h>
#include <lkas_commands.h>
#include <lkas_messages.h>
#include <lkas_status.h>

#include <math.h>
#include <signal.h>

#define PERIOD_NS INT64_C(100000000)
#define ROUNDS_PER_STATUS 5
#define ROUNDS_PER_TIMELINE 10
#define CONFIDENCE 0.9
#define HALF_LANE_M 1.75
#define HALF_CAR_M 0.9
#define SETTLING_S 1.5      /* in which the vehicle is predicted to return to the centre */
#define FOCAL_PX 800.0      /* of an image of 800 x 600 px, level, 1.5 m above the ground */
#define CAMERA_HEIGHT_M 1.5
#define NEAR_M 4.0
#define FAR_M 20.0

typedef struct stamps {
    int64_t session, frame_id, capture_ns;
} stamps;

/* The parameters that commands change. */
typedef struct settings {
    double threshold; /* lines of less confidence are not published */
} settings;

static volatile sig_atomic_t is_stopping;
static lkas_error error;

static void stop(int unused) {
    (void)unused;
    is_stopping = 1;
}

static int fail(void) {
    fprintf(stderr, "%s\n", error.text);
    return 1;
}

/* Every message has the same first fields; publish_ns and sequence are set by the channel. */
#define STAMP(message, when)                                 \
    do {                                                     \
        (message)->session = (when)->session;                \
        (message)->frame_id = (when)->frame_id;              \
        (message)->capture_ns = (when)->capture_ns;          \
        (message)->timestamp = 1e-9 * (double)(when)->capture_ns; \
    } while (0)

static struct lkas_lane_message lane_in_image(double y_m) {
    struct lkas_lane_message lane;
    lane.x1 = 400.0 - FOCAL_PX * y_m / NEAR_M;
    lane.y1 = 300.0 + FOCAL_PX * CAMERA_HEIGHT_M / NEAR_M;
    lane.x2 = 400.0 - FOCAL_PX * y_m / FAR_M;
    lane.y2 = 300.0 + FOCAL_PX * CAMERA_HEIGHT_M / FAR_M;
    lane.confidence = CONFIDENCE;
    return lane;
}

static void see(struct lkas_detection_message *message, const stamps *when, const settings *set, double offset_m) {
    memset(message, 0, sizeof *message); /* has_... = 0: unknown */
    STAMP(message, when);
    message->has_left_lane = message->has_right_lane = CONFIDENCE >= set->threshold;
    message->left_lane = lane_in_image(HALF_LANE_M - offset_m);
    message->right_lane = lane_in_image(-HALF_LANE_M - offset_m);
    message->processing_time_ms = 1e-6 * (double)(lkas_now_ns() - when->capture_ns);
}

static void follow(struct lkas_tracks_message *message, const stamps *when, double offset_m) {
    memset(message, 0, sizeof *message);
    STAMP(message, when);
    message->tracks_count = 2;
    for (int i = 0; i < 2; ++i) {
        struct lkas_track *track = &message->tracks[i];
        track->id = i + 1;
        track->type = i == 0 ? LKAS_LINE_TYPE_SOLID : LKAS_LINE_TYPE_DASHED;
        track->age = when->frame_id;
        track->state = when->frame_id < 3 ? LKAS_TRACK_STATE_TENTATIVE : LKAS_TRACK_STATE_CONFIRMED;
        track->c0 = (i == 0 ? HALF_LANE_M : -HALF_LANE_M) - offset_m;
        track->covariance_count = 16;
        for (int k = 0; k < 4; ++k) track->covariance[5 * k] = 1e-3 / (1 + 10 * k);
        track->confidence = CONFIDENCE;
    }
}

static void expect(struct lkas_timeline_message *message, const stamps *when, double offset_m) {
    memset(message, 0, sizeof *message);
    STAMP(message, when);
    message->points_count = 31;
    for (int i = 0; i < 31; ++i) {
        struct lkas_timeline_point *point = &message->points[i];
        point->t_s = 0.1 * i;
        point->offset_m = offset_m * exp(-point->t_s / SETTLING_S);
        point->margin_left_m = HALF_LANE_M - HALF_CAR_M - point->offset_m;
        point->margin_right_m = HALF_LANE_M - HALF_CAR_M + point->offset_m;
    }
}

/* CONFIG_UPDATE: apply all of it, or nothing and return the reason. */
static const char *update(settings *set, lkas_json params) {
    static char reason[160];
    settings wanted = *set;
    lkas_json_member member;
    for (const char *at = NULL; lkas_json_next(params, &at, &member);) {
        char name[64];
        if (!lkas_json_text(member.name, name, sizeof name) || strcmp(name, "threshold") != 0)
            return "no such setting; known is threshold";
        if (!lkas_json_number(member.value, &wanted.threshold) || wanted.threshold < 0 || wanted.threshold > 1) {
            snprintf(reason, sizeof reason, "threshold: expected a number within [0, 1], found %.*s",
                     (int)(member.value.end - member.value.start > 40 ? 40 : member.value.end - member.value.start),
                     member.value.start);
            return reason;
        }
    }
    *set = wanted;
    return NULL;
}

static void answer(lkas_commands *commands, settings *set) {
    static lkas_command command;
    while (lkas_commands_take(commands, &command)) {
        const char *reason = NULL;
        if (strcmp(command.name, "CONFIG_UPDATE") == 0) reason = update(set, command.params);
        else if (strcmp(command.name, "PING") != 0) reason = "no such command; known are CONFIG_UPDATE, PING";
        lkas_commands_answer(commands, &command, reason);
    }
}

/* One round: without a free slot a message is dropped and counted; the next round tries again. */
static int publish(lkas_writer writers[3], const stamps *when, const settings *set) {
    struct lkas_detection_message detection;
    struct lkas_tracks_message tracks;
    struct lkas_timeline_message timeline;
    const void *const messages[] = {&detection, &tracks, &timeline};
    const double offset_m = 0.3 * sin(0.05 * (double)when->frame_id);
    const int count = (when->frame_id - 1) % ROUNDS_PER_TIMELINE == 0 ? 3 : 2;
    see(&detection, when, set, offset_m);
    follow(&tracks, when, offset_m);
    if (count == 3) expect(&timeline, when, offset_m);
    for (int i = 0; i < count; ++i)
        if (lkas_write(&writers[i], messages[i], NULL, &error) < 0 && error.code != LKAS_E_FULL) return 0;
    return 1;
}

static int open_writers(lkas_writer writers[3], const char *instance) {
    const char *const names[] = {"lane_detection", "lane_tracks", "lane_timeline"};
    const lkas_spec specs[] = {LKAS_DETECTION_MESSAGE_SPEC(8), LKAS_TRACKS_MESSAGE_SPEC(8),
                               LKAS_TIMELINE_MESSAGE_SPEC(8)};
    char path[LKAS_PATH_BYTES];
    for (int i = 0; i < 3; ++i) {
        if (!lkas_path(path, NULL, instance, names[i])) return 0;
        if (lkas_open(&writers[i], path, &specs[i], &error)) return 0;
    }
    return 1;
}

int main(int count, char **words) {
    const char *instance = count > 1 ? words[1] : getenv("LKAS_INSTANCE");
    const long rounds = count > 2 ? atol(words[2]) : 0; /* 0: until Ctrl-C */
    lkas_writer writers[3];
    lkas_commands commands;
    char status_path[LKAS_PATH_BYTES];
    if (!open_writers(writers, instance) || lkas_commands_open(&commands, instance, LKAS_COMMANDS_NAME, &error) ||
        lkas_runtime_path(status_path, instance, LKAS_STATUS_NAME, &error))
        return fail();
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    settings set = {0.5};
    stamps when = {0, 0, 0}; /* session 0: the current world's */
    lkas_status status = {"perception", "running", "1.0", lkas_now_ns()};
    int64_t due_ns = lkas_now_ns();
    while (!is_stopping && (rounds == 0 || when.frame_id < rounds)) {
        when.capture_ns = lkas_now_ns();
        if (when.frame_id++ % ROUNDS_PER_STATUS == 0 && lkas_status_write(status_path, &status, &error)) return fail();
        if (!publish(writers, &when, &set)) return fail();
        due_ns += PERIOD_NS;
        if (due_ns < lkas_now_ns()) due_ns = lkas_now_ns(); /* late: do not catch up */
        for (int64_t left_ns; !is_stopping && (left_ns = due_ns - lkas_now_ns()) > 0;) {
            lkas_commands_wait(&commands, left_ns);
            answer(&commands, &set);
        }
    }
    status.state = "stopped";
    lkas_status_write(status_path, &status, &error);
    lkas_commands_close(&commands);
    for (int i = 0; i < 3; ++i) {
        lkas_unlink(&writers[i], &error);
        lkas_close_writer(&writers[i]);
    }
    return 0;
}
