/* publisher run INSTANCE      publishes every 20 ms until SIGTERM; commands: SLOW takes 3 s, RESTART stops and starts
 * publisher misuse INSTANCE   calls every function in a wrong way and prints what it returns */
#include <lkas_publisher.h>

#include <sys/wait.h>

static volatile sig_atomic_t is_stopping;
static LKAS_ATOMIC(int) wants_restart;
static pthread_t main_thread;

static void stop(int number) { is_stopping = number; }

static const char *execute(const lkas_command *command, void *context) {
    if (pthread_equal(pthread_self(), main_thread)) return "called in the main thread";
    if (strcmp(command->name, "SLOW") == 0) lkas__sleep_ns(3000000000);
    else if (strcmp(command->name, "RESTART") == 0) wants_restart = 1;
    else if (strcmp(command->name, "STOP") == 0) return lkas_publisher_stop(*(lkas_publisher **)context) ? "no" : NULL;
    else return "unknown";
    return NULL;
}

static void print(const char *sentence, void *context) {
    (void)context;
    printf("%s\n", sentence);
    fflush(stdout);
}

static int run(const lkas_publisher_config *config, lkas_publisher **core) {
    struct lkas_detection_message detection;
    struct lkas_track track;
    struct lkas_timeline_message timeline;
    memset(&detection, 0, sizeof detection);
    memset(&track, 0, sizeof track);
    memset(&timeline, 0, sizeof timeline);
    timeline.session = 7;
    timeline.frame_id = 70;
    timeline.timestamp = 7.5;
    if (!(*core = lkas_publisher_init(config)) || lkas_publisher_start(*core)) return 1;
    for (int64_t frame = 1; !is_stopping; ++frame) {
        const lkas_stat stats[] = {{"frames", (double)frame}, {"a \"name\"", -1.5e-3}};
        if (wants_restart) {
            wants_restart = 0;
            lkas_publisher_stop(*core);
            if (lkas_publisher_start(*core)) return 1;
        }
        lkas_publisher_detections(*core, &detection);
        lkas_publisher_tracks(*core, &track, 1);
        lkas_publisher_timeline(*core, &timeline);
        lkas_publisher_update_stats(*core, stats, 2);
        lkas__sleep_ns(20000000);
    }
    return 0;
}

static int misuse(const lkas_publisher_config *given) {
    lkas_publisher_config config = *given;
    struct lkas_detection_message detection;
    struct lkas_timeline_message timeline;
    struct lkas_track tracks[9];
    lkas_stat stats[3] = {{"", 1}, {"not finite", 0.0}, {"good", 3}};
    stats[1].value = HUGE_VAL;
    memset(&detection, 0, sizeof detection);
    memset(&timeline, 0, sizeof timeline);
    memset(tracks, 0, sizeof tracks);
    timeline.points_count = 32;
    config.timelines = 0;
    lkas_publisher *core = lkas_publisher_init(&config);
    printf("%d\n", lkas_publisher_detections(core, &detection)); /* before the start */
    printf("%d\n", lkas_publisher_stop(core));
    printf("%d\n", lkas_publisher_start(core));
    printf("%d\n", lkas_publisher_start(core));
    printf("%d\n", lkas_publisher_tracks(core, tracks, 9));
    printf("%d\n", lkas_publisher_tracks(core, tracks, 9)); /* the same failure again is not printed */
    printf("%d\n", lkas_publisher_tracks(core, tracks, -1));
    printf("%d\n", lkas_publisher_tracks(core, NULL, 0));
    printf("%d\n", lkas_publisher_timeline(core, &timeline));
    timeline.points_count = 0;
    printf("%d\n", lkas_publisher_timeline(core, &timeline));
    printf("%d\n", lkas_publisher_update_stats(core, stats, 3));
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        printf("%d\n", lkas_publisher_detections(core, &detection));
        printf("%d\n", lkas_publisher_start(core));
        lkas_publisher_destroy(core);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    printf("%d\n", lkas_publisher_detections(core, &detection));
    lkas_publisher_destroy(core);
    printf("%d\n", lkas_publisher_detections(NULL, &detection)); /* a failed init is no crash */
    lkas_publisher_destroy(NULL);
    config.instance = "a/b";
    core = lkas_publisher_init(&config);
    printf("%d\n", lkas_publisher_start(core));
    lkas_publisher_destroy(core);
    config.instance = given->instance;
    config.name = "";
    core = lkas_publisher_init(&config);
    printf("%d\n", lkas_publisher_start(core));
    printf("%s\n", lkas_publisher_error(core));
    lkas_publisher_destroy(core);
    return 0;
}

int main(int count, char **words) {
    static lkas_publisher *core;
    lkas_publisher_config config;
    if (count != 3) return 2;
    main_thread = pthread_self();
    signal(SIGTERM, stop);
    lkas_publisher_default_config(&config);
    config.instance = words[2];
    config.name = "test core";
    config.command = execute;
    config.report = print;
    config.context = &core;
    const int result = strcmp(words[1], "run") == 0 ? run(&config, &core) : misuse(&config);
    lkas_publisher_destroy(core);
    return result;
}
