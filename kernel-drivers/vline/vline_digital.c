// SPDX-License-Identifier: GPL-2.0-only
/*
 * The digital board as DAHDI sees it: two E1 or T1 spans back to back, with
 * clear channels, channel associated signalling, and maintenance functions.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "vline.h"

#define E1_LINE	(DAHDI_CONFIG_HDB3 | DAHDI_CONFIG_AMI | DAHDI_CONFIG_CCS | \
		 DAHDI_CONFIG_CRC4)
#define T1_LINE	(DAHDI_CONFIG_B8ZS | DAHDI_CONFIG_AMI | DAHDI_CONFIG_D4 | \
		 DAHDI_CONFIG_ESF)
#define BIT_SIGNALLING	(DAHDI_SIG_CAS | DAHDI_SIG_EM | DAHDI_SIG_FXSLS | \
			 DAHDI_SIG_FXSGS | DAHDI_SIG_FXSKS | DAHDI_SIG_FXOLS | \
			 DAHDI_SIG_FXOGS | DAHDI_SIG_FXOKS | DAHDI_SIG_SF | \
			 DAHDI_SIG_DACS_RBS)
/* Time slot 16 of an E1 carries the others' bits, or a D channel. */
#define E1_BITS_CHAN	16

/* Runs under the channel's lock. */
static int digital_rbsbits(struct dahdi_chan *chan, int bits)
{
	struct vline_span *s = vline_span_of(chan->span);
	struct vline_trunk *t = s->board->trunk;
	unsigned long flags;

	spin_lock_irqsave(&t->lock, flags);
	t->end[s->end].txbits[chan->chanpos - 1] = bits;
	spin_unlock_irqrestore(&t->lock, flags);
	return 0;
}

static int digital_spanconfig(struct file *file, struct dahdi_span *span,
			      struct dahdi_lineconfig *lc)
{
	span->syncsrc = lc->sync ? span->spanno : 0;
	return 0;
}

static int digital_chanconfig(struct file *file, struct dahdi_chan *chan, int sig)
{
	return 0;
}

static int digital_startup(struct file *file, struct dahdi_span *span)
{
	return 0;
}

static int digital_shutdown(struct dahdi_span *span)
{
	vline_board_settle(vline_span_of(span)->board);
	return 0;
}

/* Runs under the span's lock. Defects are inserted towards the far end. */
static int digital_maint(struct dahdi_span *span, int cmd)
{
	struct vline_span *s = vline_span_of(span);
	struct vline_trunk *t = s->board->trunk;
	struct vline_trunk_end *here = &t->end[s->end], *far = &t->end[!s->end];
	unsigned long flags;
	int res = 0;

	spin_lock_irqsave(&t->lock, flags);
	switch (cmd) {
	case DAHDI_MAINT_NONE:
		here->looped = false;
		break;
	case DAHDI_MAINT_LOCALLOOP:
		break;		/* the clock looks at the span's maintstat */
	case DAHDI_MAINT_NETWORKLINELOOP:
	case DAHDI_MAINT_NETWORKPAYLOADLOOP:
		here->looped = true;
		break;
	case DAHDI_MAINT_LOOPUP:
	case DAHDI_MAINT_LOOPDOWN:
		/* In-band loop codes are a matter of T1. */
		if (t->t1)
			far->looped = cmd == DAHDI_MAINT_LOOPUP;
		else
			res = -EOPNOTSUPP;
		break;
	case DAHDI_MAINT_FAS_DEFECT:
		far->fas++;
		break;
	case DAHDI_MAINT_CRC_DEFECT:
		far->crc++;
		break;
	case DAHDI_MAINT_BIPOLAR_DEFECT:
		far->bpv++;
		break;
	case DAHDI_RESET_COUNTERS:
		memset(&span->count, 0, sizeof(span->count));
		break;
	default:
		res = -EOPNOTSUPP;
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return res;
}

static const struct dahdi_span_ops digital_ops = {
	.owner = THIS_MODULE,
	.rbsbits = digital_rbsbits,
	.spanconfig = digital_spanconfig,
	.chanconfig = digital_chanconfig,
	.startup = digital_startup,
	.shutdown = digital_shutdown,
	.maint = digital_maint,
};

static void digital_setup(struct vline_span *s)
{
	struct vline_board *b = s->board;
	bool t1 = b->trunk->t1;
	unsigned int i;

	s->span.ops = &digital_ops;
	s->span.spantype = t1 ? SPANTYPE_DIGITAL_T1 : SPANTYPE_DIGITAL_E1;
	s->span.deflaw = t1 ? DAHDI_LAW_MULAW : DAHDI_LAW_ALAW;
	s->span.linecompat = t1 ? T1_LINE : E1_LINE;
	s->span.flags = DAHDI_FLAG_RBS;
	s->span.alarms = DAHDI_ALARM_RED;
	snprintf(s->span.name, sizeof(s->span.name), "VLINE/%s/%c", b->name,
		 s->end == 0 ? 'a' : 'b');
	snprintf(s->span.desc, sizeof(s->span.desc), "Virtual %s, end %c of cable %s",
		 t1 ? "T1" : "E1", s->end == 0 ? 'a' : 'b', b->name);
	for (i = 0; i < b->channels; i++) {
		s->store[i].sigcap = DAHDI_SIG_CLEAR;
		if (t1)
			s->store[i].sigcap |= BIT_SIGNALLING;
		else if (i + 1 != E1_BITS_CHAN)
			s->store[i].sigcap |= BIT_SIGNALLING | DAHDI_SIG_EM_E1;
	}
}

/* Tells DAHDI which bits came for the channels that are signalled by bits. */
static void digital_tell_bits(struct vline_span *s, const struct vline_heard *heard)
{
	unsigned int i;

	if (!heard->bits || (s->span.lineconfig & DAHDI_CONFIG_CCS))
		return;
	for (i = 0; i < s->board->channels; i++) {
		struct dahdi_chan *c = &s->store[i];
		int sig = READ_ONCE(c->sig);

		if (sig && !(sig & DAHDI_SIG_CLEAR))
			dahdi_rbsbits(c, heard->rxbits[i]);
	}
}

static void digital_tell(struct vline_span *s, const struct vline_heard *heard)
{
	/* DAHDI is taking the span down: the last word is its own. */
	if (s->span.alarms & DAHDI_ALARM_NOTOPEN)
		return;
	if ((s->span.alarms & ~DAHDI_ALARM_LOOPBACK) != heard->alarms) {
		s->span.alarms = heard->alarms;
		dahdi_alarm_notify(&s->span);
	}
	digital_tell_bits(s, heard);
}

static void digital_tick(struct vline_board *b)
{
	struct vline_heard heard[2];
	int e;

	for (e = 0; e < 2; e++)
		if (vline_span_known(b->end[e]))
			dahdi_transmit(&b->end[e]->span);
	vline_trunk_step(b, heard);
	for (e = 0; e < 2; e++) {
		if (!vline_span_known(b->end[e]))
			continue;
		digital_tell(b->end[e], &heard[e]);
		dahdi_ec_span(&b->end[e]->span);
		dahdi_receive(&b->end[e]->span);
	}
}

struct vline_board *vline_digital_new(const char *name, bool t1)
{
	struct vline_board *b;

	b = vline_board_new(name, t1 ? "Virtual T1 cable" : "Virtual E1 cable",
			    t1 ? VLINE_T1_CHANS : VLINE_E1_CHANS);
	if (!b)
		return NULL;
	b->setup = digital_setup;
	b->tick = digital_tick;
	b->trunk = kzalloc(sizeof(*b->trunk), GFP_KERNEL);
	if (!b->trunk) {
		vline_board_free(b);
		return NULL;
	}
	vline_trunk_init(b->trunk, t1);
	return b;
}
