// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading, and the clock of all boards.
 *
 * The boards share one timer. It fires about every tick_us and does the work
 * of every whole millisecond that has passed, so that 8000 samples a second
 * hold in the long run however late it comes.
 */
#define pr_fmt(fmt) "dahdi_vline: " fmt

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/module.h>

#include "vline.h"

/* Catch up with at most this much after the clock stood still. */
#define MAX_CATCH_UP_MS	256

static unsigned int lines = 4;
module_param(lines, uint, 0444);
MODULE_PARM_DESC(lines, "Analogue lines, FXS port to FXO port, 0 to 24 (default 4)");

static unsigned int e1 = 1;
module_param(e1, uint, 0444);
MODULE_PARM_DESC(e1, "E1 cables, two spans each, 0 to 4 (default 1)");

static unsigned int t1;
module_param(t1, uint, 0444);
MODULE_PARM_DESC(t1, "T1 cables, two spans each, 0 to 4 (default 0)");

static bool alaw;
module_param(alaw, bool, 0444);
MODULE_PARM_DESC(alaw, "Analogue ports speak A-law (default mu-law)");

static unsigned int tick_us = 1000;
module_param(tick_us, uint, 0444);
MODULE_PARM_DESC(tick_us, "Period of the timer in microseconds, 125 to 20000 (default 1000)");

static LIST_HEAD(boards);
static struct hrtimer timer;
static ktime_t epoch;
static u64 done_ms;
static bool running;

static enum hrtimer_restart vline_tick(struct hrtimer *t)
{
	u64 now = ktime_ms_delta(ktime_get(), epoch);
	struct vline_board *b;

	if (now > done_ms + MAX_CATCH_UP_MS)
		done_ms = now - MAX_CATCH_UP_MS;
	for (; done_ms < now && READ_ONCE(running); done_ms++)
		list_for_each_entry(b, &boards, node)
			vline_board_run(b);
	if (!READ_ONCE(running))
		return HRTIMER_NORESTART;
	hrtimer_forward_now(t, ns_to_ktime((u64)tick_us * NSEC_PER_USEC));
	return HRTIMER_RESTART;
}

static void vline_clock_start(void)
{
	epoch = ktime_get();
	running = true;
#ifdef HAVE_HRTIMER_SETUP
	hrtimer_setup(&timer, vline_tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
#else
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	timer.function = vline_tick;
#endif
	hrtimer_start(&timer, ns_to_ktime((u64)tick_us * NSEC_PER_USEC),
		      HRTIMER_MODE_REL_SOFT);
}

static void vline_clock_stop(void)
{
	if (!running)
		return;
	WRITE_ONCE(running, false);
	hrtimer_cancel(&timer);
}

static bool vline_param_ok(const char *name, unsigned int value,
			   unsigned int min, unsigned int max)
{
	if (value >= min && value <= max)
		return true;
	pr_err("%s=%u is out of range, expected %u to %u\n", name, value, min, max);
	return false;
}

static int vline_params_check(void)
{
	if (!vline_param_ok("lines", lines, 0, VLINE_MAX_LINES) ||
	    !vline_param_ok("e1", e1, 0, VLINE_MAX_PAIRS) ||
	    !vline_param_ok("t1", t1, 0, VLINE_MAX_PAIRS) ||
	    !vline_param_ok("tick_us", tick_us, VLINE_MIN_TICK_US, VLINE_MAX_TICK_US))
		return -EINVAL;
	if (!lines && !e1 && !t1) {
		pr_err("lines, e1 and t1 are all 0, expected at least one board\n");
		return -EINVAL;
	}
	return 0;
}

/* Before the clock runs: nobody else looks at the list. */
static int vline_add(struct vline_board *b)
{
	if (!b)
		return -ENOMEM;
	list_add_tail(&b->node, &boards);
	vline_debugfs_board(b);
	return vline_board_plug(b, true);
}

static int vline_add_trunks(const char *kind, unsigned int n, bool is_t1)
{
	char name[16];
	unsigned int i;
	int res;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s-%u", kind, i);
		res = vline_add(vline_digital_new(name, is_t1));
		if (res)
			return res;
	}
	return 0;
}

static void vline_teardown(void)
{
	struct vline_board *b, *next;

	/*
	 * The controls go first: they can plug a board in again. The clock
	 * goes last but one, so that the core's removal of a span finds it
	 * working as it would a real board.
	 */
	vline_debugfs_exit();
	list_for_each_entry(b, &boards, node)
		vline_board_plug(b, false);
	vline_clock_stop();
	list_for_each_entry_safe(b, next, &boards, node) {
		list_del(&b->node);
		vline_board_free(b);
	}
	root_device_unregister(vline_root);
}

static int __init vline_init(void)
{
	int res = vline_params_check();

	if (res)
		return res;
	vline_root = root_device_register("dahdi_vline");
	if (IS_ERR(vline_root))
		return PTR_ERR(vline_root);
	vline_debugfs_init();
	if (lines)
		res = vline_add(vline_analogue_new(lines, alaw));
	if (!res)
		res = vline_add_trunks("e1", e1, false);
	if (!res)
		res = vline_add_trunks("t1", t1, true);
	if (res) {
		pr_err("cannot register with DAHDI: %d\n", res);
		vline_teardown();
		return res;
	}
	vline_clock_start();
	pr_info("%u lines, %u E1 and %u T1 cables\n", lines, e1, t1);
	return 0;
}

static void __exit vline_exit(void)
{
	vline_teardown();
}

module_init(vline_init);
module_exit(vline_exit);

MODULE_DESCRIPTION("Telephone lines and trunks made of software, for DAHDI");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
