// SPDX-License-Identifier: GPL-2.0-only
/*
 * A board's two spans: made, registered with DAHDI, taken away again.
 */
#define pr_fmt(fmt) "dahdi_vline: " fmt

#include <linux/module.h>
#include <linux/slab.h>

#include "vline.h"

struct device *vline_root;

static struct vline_span *vline_span_new(struct vline_board *b, unsigned int end)
{
	struct vline_span *s;
	unsigned int i;

	s = kzalloc(struct_size(s, store, b->channels), GFP_KERNEL);
	if (!s)
		return NULL;
	s->board = b;
	s->end = end;
	s->span.chans = s->chans;
	s->span.channels = b->channels;
	s->span.offset = end;
	b->setup(s);
	for (i = 0; i < b->channels; i++) {
		struct dahdi_chan *c = &s->store[i];

		s->chans[i] = c;
		snprintf(c->name, sizeof(c->name), "%.30s/%u", s->span.name, i + 1);
		c->chanpos = i + 1;
		c->pvt = s;
		c->readchunk = c->sreadchunk;
		c->writechunk = c->swritechunk;
	}
	return s;
}

static bool vline_span_in_use(const struct vline_span *s)
{
	int i;

	for (i = 0; i < s->span.channels; i++)
		if (test_bit(DAHDI_FLAGBIT_OPEN, &s->chans[i]->flags))
			return true;
	return false;
}

/*
 * Frees a span that DAHDI has let go of, unless a program had channels of it
 * open: such a program may have their wait queues in an epoll set, for which
 * DAHDI has no means of revocation. Those spans are kept for good.
 */
static void vline_span_drop(struct vline_board *b, struct vline_span *s, bool used)
{
	if (!s)
		return;
	if (used || test_bit(DAHDI_FLAGBIT_REGISTERED, &s->span.flags))
		list_add(&s->node, &b->graveyard);
	else
		kfree(s);
}

/*
 * Waits until the clock has finished with what it is doing to the board. The
 * shutdown callbacks call it: DAHDI has marked the span as unregistered by
 * then, so that the clock will leave it alone from the next tick on.
 */
void vline_board_settle(struct vline_board *b)
{
	spin_lock_bh(&b->lock);
	spin_unlock_bh(&b->lock);
}

static int vline_plug_in(struct vline_board *b)
{
	struct vline_span *s[2];
	struct dahdi_device *d;
	int i, res = -ENOMEM;

	s[0] = vline_span_new(b, 0);
	s[1] = vline_span_new(b, 1);
	d = dahdi_create_device();
	if (!s[0] || !s[1] || !d)
		goto fail;
	d->manufacturer = "Tipring";
	d->devicetype = b->type;
	d->location = b->name;
	d->hardware_id = b->name;
	res = dev_set_name(&d->dev, "vline:%s", b->name);
	if (res)
		goto fail;
	for (i = 0; i < 2; i++)
		list_add_tail(&s[i]->span.device_node, &d->spans);
	res = dahdi_register_device(d, vline_root);
	if (res) {
		pr_err("%s: DAHDI refused the board: %d\n", b->name, res);
		goto fail;
	}
	b->ddev = d;
	spin_lock_bh(&b->lock);
	b->end[0] = s[0];
	b->end[1] = s[1];
	b->live = true;
	spin_unlock_bh(&b->lock);
	return 0;
fail:
	if (d)
		dahdi_free_device(d);
	vline_span_drop(b, s[0], false);
	vline_span_drop(b, s[1], false);
	return res;
}

static void vline_pull_out(struct vline_board *b)
{
	struct vline_span *s[2];
	unsigned int i;
	bool used;

	spin_lock_bh(&b->lock);
	b->live = false;
	s[0] = b->end[0];
	s[1] = b->end[1];
	b->end[0] = NULL;
	b->end[1] = NULL;
	spin_unlock_bh(&b->lock);

	used = vline_span_in_use(s[0]) || vline_span_in_use(s[1]);
	dahdi_unregister_device(b->ddev);
	dahdi_free_device(b->ddev);
	b->ddev = NULL;
	vline_span_drop(b, s[0], used);
	vline_span_drop(b, s[1], used);
	if (b->trunk)
		vline_trunk_unplug(b->trunk);
	for (i = 0; b->lines && i < b->channels; i++)
		vline_line_unplug(&b->lines[i]);
}

/**
 * vline_board_plug() - Plug a board in, or pull it out.
 * @b:	the board
 * @in:	which of the two; nothing happens when it is so already
 *
 * Sleeps: a second when a program has channels of the board open, so that it
 * can read the event about their removal.
 *
 * Return: 0, -ENOMEM, or what DAHDI said.
 */
int vline_board_plug(struct vline_board *b, bool in)
{
	int res = 0;

	mutex_lock(&b->plug);
	if (in && !b->ddev)
		res = vline_plug_in(b);
	else if (!in && b->ddev)
		vline_pull_out(b);
	mutex_unlock(&b->plug);
	return res;
}

/* One millisecond of a board. */
void vline_board_run(struct vline_board *b)
{
	spin_lock(&b->lock);
	if (b->live)
		b->tick(b);
	spin_unlock(&b->lock);
}

struct vline_board *vline_board_new(const char *name, const char *type,
				    unsigned int channels)
{
	struct vline_board *b = kzalloc(sizeof(*b), GFP_KERNEL);

	if (!b)
		return NULL;
	strscpy(b->name, name, sizeof(b->name));
	b->type = type;
	b->channels = channels;
	spin_lock_init(&b->lock);
	mutex_init(&b->plug);
	INIT_LIST_HEAD(&b->node);
	INIT_LIST_HEAD(&b->graveyard);
	return b;
}

void vline_board_free(struct vline_board *b)
{
	if (!b)
		return;
	if (!list_empty(&b->graveyard))
		pr_info("%s: keeps the memory of spans that were removed while open\n",
			b->name);
	kfree(b->lines);
	kfree(b->trunk);
	kfree(b);
}
