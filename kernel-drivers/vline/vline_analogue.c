// SPDX-License-Identifier: GPL-2.0-only
/*
 * The analogue board as DAHDI sees it: a span of FXS ports (signalled as FXO,
 * as DAHDI names the far device) and one of FXO ports, wired one to one.
 */
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <dahdi/wctdm_user.h>

#include "vline.h"

#define MAX_OHT_MS	60000

static struct vline_line *line_of(const struct dahdi_chan *chan)
{
	const struct vline_span *s = vline_span_of(chan->span);

	return &s->board->lines[chan->chanpos - 1];
}

/* Runs under the channel's lock. */
static int analogue_hooksig(struct dahdi_chan *chan, enum dahdi_txsig sig)
{
	struct vline_line *l = line_of(chan);
	unsigned long flags;

	spin_lock_irqsave(&l->lock, flags);
	if (vline_span_of(chan->span)->end == 0)
		l->fxs_tx = sig;
	else
		l->fxo_tx = sig;
	spin_unlock_irqrestore(&l->lock, flags);
	return 0;
}

static int analogue_stats(struct dahdi_chan *chan, void __user *p)
{
	struct wctdm_stats stats = { 0 };
	int ac_mv;

	vline_line_voltages(line_of(chan), &stats.tipvolt, &stats.ringvolt, &ac_mv);
	stats.batvolt = stats.ringvolt - stats.tipvolt;
	return copy_to_user(p, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static int analogue_tonedetect(struct dahdi_chan *chan, int mode)
{
	struct vline_line *l = line_of(chan);
	unsigned long flags;

	if (mode & ~(DAHDI_TONEDETECT_ON | DAHDI_TONEDETECT_MUTE))
		return -EINVAL;
	spin_lock_irqsave(&l->lock, flags);
	l->tone_mode[vline_span_of(chan->span)->end] = mode;
	spin_unlock_irqrestore(&l->lock, flags);
	return 0;
}

/* What a port of either kind answers. */
static int fxo_ioctl(struct dahdi_chan *chan, unsigned int cmd, unsigned long data)
{
	void __user *p = (void __user *)data;
	int v;

	switch (cmd) {
	case WCTDM_GET_STATS:
		return analogue_stats(chan, p);
	case DAHDI_TONEDETECT:
		if (get_user(v, (int __user *)p))
			return -EFAULT;
		return analogue_tonedetect(chan, v);
	default:
		return -ENOTTY;
	}
}

static int fxs_vmwi_config(struct vline_line *l, void __user *p)
{
	struct dahdi_vmwi_info info;
	unsigned long flags;

	if (copy_from_user(&info, p, sizeof(info)))
		return -EFAULT;
	if (info.vmwi_type & ~(DAHDI_VMWI_LREV | DAHDI_VMWI_HVDC | DAHDI_VMWI_HVAC))
		return -EINVAL;
	spin_lock_irqsave(&l->lock, flags);
	l->vmwi_type = info.vmwi_type;
	spin_unlock_irqrestore(&l->lock, flags);
	return 0;
}

static int fxs_ioctl(struct dahdi_chan *chan, unsigned int cmd, unsigned long data)
{
	struct vline_line *l = line_of(chan);
	void __user *p = (void __user *)data;
	unsigned long flags;
	int v;

	switch (cmd) {
	case DAHDI_VMWI_CONFIG:
		return fxs_vmwi_config(l, p);
	case DAHDI_VMWI:
	case DAHDI_ONHOOKTRANSFER:
	case DAHDI_SETPOLARITY:
		if (get_user(v, (int __user *)p))
			return -EFAULT;
		if (v < 0)
			return -EINVAL;
		break;
	default:
		return fxo_ioctl(chan, cmd, data);
	}
	if (cmd == DAHDI_SETPOLARITY)
		return vline_line_polarity(l, v);
	spin_lock_irqsave(&l->lock, flags);
	if (cmd == DAHDI_VMWI)
		l->messages = v;
	else
		l->oht_ms = min(v, MAX_OHT_MS);
	spin_unlock_irqrestore(&l->lock, flags);
	return 0;
}

/* Ground start changes what an idle line looks like. */
static int fxs_chanconfig(struct file *file, struct dahdi_chan *chan, int sig)
{
	struct vline_line *l = line_of(chan);
	unsigned long flags;

	spin_lock_irqsave(&l->lock, flags);
	l->ground_start = sig == DAHDI_SIG_FXOGS;
	spin_unlock_irqrestore(&l->lock, flags);
	return 0;
}

static int analogue_chanconfig(struct file *file, struct dahdi_chan *chan, int sig)
{
	return 0;
}

/* The tone receiver is the open channel's, not the port's. */
static int analogue_close(struct dahdi_chan *chan)
{
	return analogue_tonedetect(chan, 0);
}

static int analogue_shutdown(struct dahdi_span *span)
{
	vline_board_settle(vline_span_of(span)->board);
	return 0;
}

static const struct dahdi_span_ops fxs_ops = {
	.owner = THIS_MODULE,
	.hooksig = analogue_hooksig,
	.chanconfig = fxs_chanconfig,
	.close = analogue_close,
	.ioctl = fxs_ioctl,
	.shutdown = analogue_shutdown,
};

static const struct dahdi_span_ops fxo_ops = {
	.owner = THIS_MODULE,
	.hooksig = analogue_hooksig,
	.chanconfig = analogue_chanconfig,
	.close = analogue_close,
	.ioctl = fxo_ioctl,
	.shutdown = analogue_shutdown,
};

static void analogue_setup(struct vline_span *s, bool alaw)
{
	const char *kind = s->end == 0 ? "FXS" : "FXO";
	unsigned int i;

	s->span.ops = s->end == 0 ? &fxs_ops : &fxo_ops;
	s->span.spantype = s->end == 0 ? SPANTYPE_ANALOG_FXS : SPANTYPE_ANALOG_FXO;
	s->span.deflaw = alaw ? DAHDI_LAW_ALAW : DAHDI_LAW_MULAW;
	s->span.flags = DAHDI_FLAG_RBS;
	snprintf(s->span.name, sizeof(s->span.name), "VLINE/%s", kind);
	snprintf(s->span.desc, sizeof(s->span.desc), "Virtual %s ports", kind);
	for (i = 0; i < s->board->channels; i++)
		s->store[i].sigcap = DAHDI_SIG_CLEAR | DAHDI_SIG_SF |
			(s->end == 0 ?
			 DAHDI_SIG_FXOLS | DAHDI_SIG_FXOKS | DAHDI_SIG_FXOGS :
			 DAHDI_SIG_FXSLS | DAHDI_SIG_FXSKS | DAHDI_SIG_FXSGS);
}

static void analogue_setup_mulaw(struct vline_span *s)
{
	analogue_setup(s, false);
}

static void analogue_setup_alaw(struct vline_span *s)
{
	analogue_setup(s, true);
}

/* Tells both ends' channels what the wire has come to. */
static void analogue_tell(const struct vline_seen *seen, struct dahdi_chan *fxs,
			  struct dahdi_chan *fxo)
{
	int alarm = seen->dead ? DAHDI_ALARM_RED : DAHDI_ALARM_NONE;

	if (fxs && READ_ONCE(fxs->rxhooksig) != seen->fxs)
		dahdi_hooksig(fxs, seen->fxs);
	if (!fxo)
		return;
	if (READ_ONCE(fxo->rxhooksig) != seen->fxo)
		dahdi_hooksig(fxo, seen->fxo);
	if (READ_ONCE(fxo->chan_alarms) != alarm)
		dahdi_alarm_channel(fxo, alarm);
	if (seen->polarity)
		dahdi_qevent_lock(fxo, DAHDI_EVENT_POLARITY);
	if (seen->neon_on)
		dahdi_qevent_lock(fxo, DAHDI_EVENT_NEONMWI_ACTIVE);
	if (seen->neon_off)
		dahdi_qevent_lock(fxo, DAHDI_EVENT_NEONMWI_INACTIVE);
}

static void analogue_tick(struct vline_board *b)
{
	bool fxs = vline_span_known(b->end[0]), fxo = vline_span_known(b->end[1]);
	unsigned int i;

	if (fxs)
		dahdi_transmit(&b->end[0]->span);
	if (fxo)
		dahdi_transmit(&b->end[1]->span);
	for (i = 0; i < b->channels; i++) {
		struct vline_line *l = &b->lines[i];
		struct dahdi_chan *p = &b->end[0]->store[i];
		struct dahdi_chan *q = &b->end[1]->store[i];
		struct vline_seen seen;

		vline_line_step(l, fxs, fxo, &seen);
		analogue_tell(&seen, fxs ? p : NULL, fxo ? q : NULL);
		if (!fxs || !fxo) {
			seen.to_fxs = false;
			seen.to_fxo = false;
		}
		if (!fxs && !fxo)
			continue;
		vline_audio_pass(l, &seen, p, q);
		vline_dtmf_chunk(&l->dtmf[0], p, seen.tone_mode[0]);
		vline_dtmf_chunk(&l->dtmf[1], q, seen.tone_mode[1]);
	}
	for (i = 0; i < 2; i++) {
		if (!(i == 0 ? fxs : fxo))
			continue;
		dahdi_ec_span(&b->end[i]->span);
		dahdi_receive(&b->end[i]->span);
	}
}

struct vline_board *vline_analogue_new(unsigned int lines, bool alaw)
{
	struct vline_board *b = vline_board_new("analogue", "Virtual analogue board", lines);
	unsigned int i;

	if (!b)
		return NULL;
	b->setup = alaw ? analogue_setup_alaw : analogue_setup_mulaw;
	b->tick = analogue_tick;
	b->lines = kcalloc(lines, sizeof(*b->lines), GFP_KERNEL);
	if (!b->lines) {
		vline_board_free(b);
		return NULL;
	}
	for (i = 0; i < lines; i++)
		vline_line_init(&b->lines[i]);
	return b;
}
