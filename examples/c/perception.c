/* A perception core in C: publishes detections and tracks ten times a second and a predicted timeline once a second.
 * LKASClient is the other side; `perception [INSTANCE [COUNT]]` runs for COUNT frames, or until Ctrl-C.
 *
 * The road is synthetic: a straight lane 3.5 m wide, seen by a level camera 1.5 m above the ground, in which the vehicle
 * weaves by 0.3 m. A real core puts its own values into the same structs. Signs: x forward, y left, left is positive.
 */
#include <lkas_publisher.h>

static volatile sig_atomic_t is_stopping;
static LKAS_ATOMIC(double) threshold; /* lines of less confidence are not published */

/* Zero at first: has_... = 0 means unknown, and stamps of 0 are filled in. */
static struct lkas_detection_message detection;
static struct lkas_track tracks[2];
static struct lkas_timeline_message timeline;

static void stop(int number) { is_stopping = number; }

static const char *execute(const lkas_command *command, void *context) {
    double wanted;
    lkas_json value;
    (void)context;
    if (strcmp(command->name, "CONFIG_UPDATE") != 0) return "no such command; known are CONFIG_UPDATE, PING";
    if (!lkas_json_find(command->params, "threshold", &value)) return "no such setting; known is threshold";
    if (!lkas_json_number(value, &wanted) || wanted < 0 || wanted > 1) return "threshold: expected a number in [0, 1]";
    threshold = wanted;
    return NULL;
}

static struct lkas_lane_message lane_in_image(double y_m) { /* 800 x 600 px, focal length 800 px, from 20 m to 4 m */
    const struct lkas_lane_message lane = {400 - 200 * y_m, 600, 400 - 40 * y_m, 360, 0.9};
    return lane;
}

int main(int count, char **words) {
    lkas_publisher_config config;
    lkas_publisher_default_config(&config);
    config.instance = count > 1 ? words[1] : NULL;
    config.version = "1.0";
    config.command = execute;
    lkas_publisher *core = lkas_publisher_init(&config);
    signal(SIGINT, stop); /* before the start: what is started must be stopped */
    signal(SIGTERM, stop);
    if (lkas_publisher_start(core)) return 1;
    const long frames = count > 2 ? atol(words[2]) : 0;
    for (long frame = 0; !is_stopping && (frames == 0 || frame < frames); ++frame) {
        const double offset_m = 0.3 * sin(0.05 * (double)frame), lines_m[] = {1.75 - offset_m, -1.75 - offset_m};
        detection.has_left_lane = detection.has_right_lane = threshold <= 0.9;
        detection.left_lane = lane_in_image(lines_m[0]);
        detection.right_lane = lane_in_image(lines_m[1]);
        lkas_publisher_detections(core, &detection);
        for (int i = 0; i < 2; ++i) {
            tracks[i].id = i + 1;
            tracks[i].type = i == 0 ? LKAS_LINE_TYPE_SOLID : LKAS_LINE_TYPE_DASHED;
            tracks[i].age = frame;
            tracks[i].state = frame < 3 ? LKAS_TRACK_STATE_TENTATIVE : LKAS_TRACK_STATE_CONFIRMED;
            tracks[i].c0 = lines_m[i];
            tracks[i].confidence = 0.9;
        }
        lkas_publisher_tracks(core, tracks, 2);
        for (int i = 0; i < 31; ++i) { /* returns to the centre of the lane within some seconds */
            const double t_s = 0.1 * i, then_m = offset_m * exp(-t_s / 1.5);
            const struct lkas_timeline_point point = {t_s, then_m, 0, 0.85 - then_m, 0.85 + then_m};
            timeline.points[i] = point;
        }
        timeline.points_count = 31;
        if (frame % 10 == 0) lkas_publisher_timeline(core, &timeline);
        const lkas_stat stats[] = {{"frames", (double)frame + 1}, {"offset_m", offset_m}};
        lkas_publisher_update_stats(core, stats, 2);
        usleep(100000);
    }
    lkas_publisher_destroy(core); /* reports "stopped", removes the channels */
    return 0;
}
