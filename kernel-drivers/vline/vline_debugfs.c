// SPDX-License-Identifier: GPL-2.0-only
/*
 * The controls of vline_uapi.h in debugfs.
 */
#include <linux/module.h>
#include <linux/seq_file.h>

#include "vline.h"

static struct dentry *root;

static int knob_get(void *data, u64 *value)
{
	const struct vline_knob_file *f = data;
	unsigned long flags;

	spin_lock_irqsave(f->lock, flags);
	*value = *(u32 *)(f->owner + f->knob->offset);
	spin_unlock_irqrestore(f->lock, flags);
	return 0;
}

static int knob_set(void *data, u64 value)
{
	const struct vline_knob_file *f = data;
	unsigned long flags;

	if (value > f->knob->max)
		return -ERANGE;
	spin_lock_irqsave(f->lock, flags);
	*(u32 *)(f->owner + f->knob->offset) = value;
	spin_unlock_irqrestore(f->lock, flags);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(knob_fops, knob_get, knob_set, "%llu\n");

/* Alarms are a set of bits: not every number up to the largest is one. */
static int alarm_set(void *data, u64 value)
{
	return value & ~(u64)VLINE_ALARM_ALL ? -ERANGE : knob_set(data, value);
}
DEFINE_DEBUGFS_ATTRIBUTE(alarm_fops, knob_get, alarm_set, "0x%llx\n");

static int present_get(void *data, u64 *value)
{
	struct vline_board *b = data;

	mutex_lock(&b->plug);
	*value = b->ddev ? 1 : 0;
	mutex_unlock(&b->plug);
	return 0;
}

static int present_set(void *data, u64 value)
{
	if (value > 1)
		return -ERANGE;
	return vline_board_plug(data, value);
}
DEFINE_DEBUGFS_ATTRIBUTE(present_fops, present_get, present_set, "%llu\n");

static const struct vline_knob line_knobs[] = {
	{ "cut", offsetof(struct vline_line, cut), 1 },
	{ "loop_ohms", offsetof(struct vline_line, loop_ohms), VLINE_MAX_LOOP_OHMS },
	{ "loss_db", offsetof(struct vline_line, loss_db), VLINE_MAX_LOSS_DB },
	{ "hybrid_db", offsetof(struct vline_line, hybrid_db), VLINE_MAX_HYBRID_DB },
	{ "echo_ms", offsetof(struct vline_line, echo_ms), VLINE_MAX_ECHO_MS },
	{ "ring_delay_ms", offsetof(struct vline_line, ring_delay_ms),
	  VLINE_MAX_RING_DELAY_MS },
	{ "ring_trip_ms", offsetof(struct vline_line, ring_trip_ms),
	  VLINE_MAX_RING_TRIP_MS },
};

static const struct vline_knob trunk_knobs[] = {
	{ "cable", offsetof(struct vline_trunk, cable), 1 },
	{ "alarm_ms", offsetof(struct vline_trunk, alarm_ms), VLINE_MAX_ALARM_MS },
};

static const struct vline_knob end_knobs[] = {
	{ "cut", offsetof(struct vline_trunk_end, cut), 1 },
	{ "send", offsetof(struct vline_trunk_end, send), VLINE_SEND_SILENCE },
	{ "bpv", offsetof(struct vline_trunk_end, bpv), VLINE_MAX_INJECT },
	{ "crc", offsetof(struct vline_trunk_end, crc), VLINE_MAX_INJECT },
	{ "fas", offsetof(struct vline_trunk_end, fas), VLINE_MAX_INJECT },
	{ "slip", offsetof(struct vline_trunk_end, slip), VLINE_MAX_INJECT },
	{ "error_slot", offsetof(struct vline_trunk_end, error_slot), VLINE_MAX_CHANS },
};

static const struct vline_knob alarm_knob = {
	"force_alarm", offsetof(struct vline_trunk_end, force_alarm), VLINE_ALARM_ALL
};

/* The numbers of vline_uapi.h that are DAHDI's. */
static_assert(VLINE_ALARM_YELLOW == DAHDI_ALARM_YELLOW);
static_assert(VLINE_ALARM_RED == DAHDI_ALARM_RED);
static_assert(VLINE_ALARM_BLUE == DAHDI_ALARM_BLUE);
static_assert(VLINE_ALARM_LOS == DAHDI_ALARM_LOS);
static_assert(VLINE_ALARM_LFA == DAHDI_ALARM_LFA);
static_assert(VLINE_ALARM_LMFA == DAHDI_ALARM_LMFA);

static void knobs_add(struct dentry *dir, const struct vline_knob *knobs, size_t n,
		      struct vline_knob_file *files, void *owner, spinlock_t *lock,
		      const struct file_operations *fops)
{
	size_t i;

	for (i = 0; i < n; i++) {
		files[i].knob = &knobs[i];
		files[i].owner = owner;
		files[i].lock = lock;
		debugfs_create_file_unsafe(knobs[i].name, 0600, dir, &files[i], fops);
	}
}

static int line_state_show(struct seq_file *m, void *unused)
{
	vline_line_show(m->private, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(line_state);

static int end_a_state_show(struct seq_file *m, void *unused)
{
	vline_trunk_show(m->private, 0, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(end_a_state);

static int end_b_state_show(struct seq_file *m, void *unused)
{
	vline_trunk_show(m->private, 1, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(end_b_state);

static void line_add(struct dentry *parent, struct vline_line *l, unsigned int no)
{
	struct dentry *dir;
	char name[16];

	static_assert(ARRAY_SIZE(line_knobs) <= ARRAY_SIZE(l->knobs));
	snprintf(name, sizeof(name), "line%u", no);
	dir = debugfs_create_dir(name, parent);
	knobs_add(dir, line_knobs, ARRAY_SIZE(line_knobs), l->knobs, l, &l->lock,
		  &knob_fops);
	debugfs_create_file("state", 0400, dir, l, &line_state_fops);
}

static void trunk_add(struct dentry *dir, struct vline_trunk *t)
{
	struct dentry *end;
	unsigned int e;

	static_assert(ARRAY_SIZE(trunk_knobs) <= ARRAY_SIZE(t->knobs));
	static_assert(ARRAY_SIZE(end_knobs) + 1 <= ARRAY_SIZE(t->end[0].knobs));
	knobs_add(dir, trunk_knobs, ARRAY_SIZE(trunk_knobs), t->knobs, t, &t->lock,
		  &knob_fops);
	for (e = 0; e < 2; e++) {
		end = debugfs_create_dir(e == 0 ? "a" : "b", dir);
		knobs_add(end, end_knobs, ARRAY_SIZE(end_knobs), t->end[e].knobs,
			  &t->end[e], &t->lock, &knob_fops);
		knobs_add(end, &alarm_knob, 1, &t->end[e].knobs[ARRAY_SIZE(end_knobs)],
			  &t->end[e], &t->lock, &alarm_fops);
		debugfs_create_file("state", 0400, end, t,
				    e == 0 ? &end_a_state_fops : &end_b_state_fops);
	}
}

void vline_debugfs_board(struct vline_board *b)
{
	struct dentry *dir;
	unsigned int i;

	dir = debugfs_create_dir(b->name, root);
	debugfs_create_file_unsafe("present", 0600, dir, b, &present_fops);
	if (b->trunk)
		trunk_add(dir, b->trunk);
	for (i = 0; b->lines && i < b->channels; i++)
		line_add(dir, &b->lines[i], i + 1);
}

void vline_debugfs_init(void)
{
	root = debugfs_create_dir(VLINE_DEBUGFS_DIR, NULL);
}

/* Returns when nobody is in any of the controls any more. */
void vline_debugfs_exit(void)
{
	debugfs_remove_recursive(root);
}
