// SPDX-License-Identifier: GPL-2.0-only
/*
 * An E1 or T1 cable between two framers: what each end receives, which faults
 * that makes, which errors are counted.
 *
 * Everything runs from the clock with the board's lock held, between the two
 * spans' transmission and reception.
 */
#include <linux/seq_file.h>
#include <linux/string.h>

#include "vline.h"

/* How long a fault must last by default. */
#define ALARM_MS	20
/* The bit that an injected error turns over. */
#define ERROR_BIT	0x10

void vline_trunk_init(struct vline_trunk *t, bool t1)
{
	int e;

	spin_lock_init(&t->lock);
	t->t1 = t1;
	t->alarm_ms = ALARM_MS;
	for (e = 0; e < 2; e++) {
		/* The D channel's usual place. */
		t->end[e].error_slot = t1 ? 24 : 16;
		t->end[e].alarms = DAHDI_ALARM_RED;
	}
}

/* Both framers are gone; cable and controls stay as they are. */
void vline_trunk_unplug(struct vline_trunk *t)
{
	unsigned long flags;
	int e;

	spin_lock_irqsave(&t->lock, flags);
	for (e = 0; e < 2; e++) {
		memset(t->end[e].txbits, 0, sizeof(t->end[e].txbits));
		t->end[e].looped = false;
		t->end[e].late = false;
		t->end[e].alarms = DAHDI_ALARM_RED;
		t->end[e].fault_ms = 0;
		t->end[e].running = false;
	}
	spin_unlock_irqrestore(&t->lock, flags);
}

static bool trunk_up(const struct vline_span *s)
{
	return vline_span_known(s) && test_bit(DAHDI_FLAGBIT_RUNNING, &s->span.flags);
}

static bool trunk_local_loop(const struct vline_span *s)
{
	return s->span.maintstat == DAHDI_MAINT_LOCALLOOP;
}

/* Something arrives at the end, be it what it may. */
static bool trunk_signal(struct vline_board *b, int e)
{
	struct vline_trunk *t = b->trunk;

	if (trunk_local_loop(b->end[e]))
		return true;
	return !t->cable && !t->end[e].cut && trunk_up(b->end[!e]) &&
	       t->end[!e].send != VLINE_SEND_SILENCE;
}

/* The channels' octets arrive at the end. */
static bool trunk_payload(struct vline_board *b, int e)
{
	u32 send = b->trunk->end[!e].send;

	if (trunk_local_loop(b->end[e]))
		return true;
	return trunk_signal(b, e) && send != VLINE_SEND_AIS && send != VLINE_SEND_UNFRAMED;
}

static bool trunk_framing_differs(const struct vline_board *b)
{
	const int framing = b->trunk->t1 ? DAHDI_CONFIG_D4 | DAHDI_CONFIG_ESF : 0;

	return (b->end[0]->span.lineconfig ^ b->end[1]->span.lineconfig) & framing;
}

/* One end looks for CRC-4 multiframes that the other does not send. */
static bool trunk_no_multiframe(const struct vline_board *b, int e)
{
	return !b->trunk->t1 &&
	       (b->end[e]->span.lineconfig & ~b->end[!e]->span.lineconfig &
		DAHDI_CONFIG_CRC4);
}

/* What an end finds wrong with what it receives. */
static u32 trunk_rx_fault(struct vline_board *b, int e)
{
	u32 send = b->trunk->end[!e].send;

	if (!trunk_signal(b, e))
		return DAHDI_ALARM_RED | DAHDI_ALARM_LOS;
	if (trunk_local_loop(b->end[e]))
		return DAHDI_ALARM_NONE;
	if (send == VLINE_SEND_AIS)
		return DAHDI_ALARM_BLUE;
	if (send == VLINE_SEND_UNFRAMED || trunk_framing_differs(b))
		return DAHDI_ALARM_RED | DAHDI_ALARM_LFA;
	if (trunk_no_multiframe(b, e))
		return DAHDI_ALARM_RED | DAHDI_ALARM_LMFA;
	return DAHDI_ALARM_NONE;
}

static void trunk_faults(struct vline_board *b)
{
	struct vline_trunk *t = b->trunk;
	u32 rx[2] = { trunk_rx_fault(b, 0), trunk_rx_fault(b, 1) };
	int e;

	for (e = 0; e < 2; e++) {
		struct vline_trunk_end *end = &t->end[e];

		end->fault = rx[e];
		/* A framer that receives badly says so: remote alarm. */
		if (!rx[e] && !trunk_local_loop(b->end[e]) &&
		    (rx[!e] || t->end[!e].send == VLINE_SEND_RAI))
			end->fault = DAHDI_ALARM_YELLOW;
		end->fault |= end->force_alarm;

		end->running = trunk_up(b->end[e]);
		if (!end->running) {
			end->alarms = DAHDI_ALARM_RED;
			end->fault_ms = 0;
		} else if (end->fault == end->alarms) {
			end->fault_ms = 0;
		} else if (end->fault_ms++ >= t->alarm_ms) {
			end->alarms = end->fault;
			end->fault_ms = 0;
		}
	}
}

/*
 * Errors waiting to be injected, at most one of a kind a millisecond. Returns
 * whether an octet is damaged by them.
 */
static bool trunk_errors(struct vline_board *b, int e)
{
	struct vline_trunk_end *end = &b->trunk->end[e];
	struct dahdi_count *count = &b->end[e]->span.count;
	bool damage = end->bpv || end->crc;

	if (!trunk_up(b->end[e]) || !trunk_payload(b, e))
		return false;
	if (end->bpv) {
		end->bpv--;
		count->bpv++;
		count->cv++;
		end->errors++;
	}
	if (end->crc) {
		end->crc--;
		count->crc4++;
		end->errors++;
		/* E bits tell the sender of each bad submultiframe (G.704). */
		if (!b->trunk->t1 && (b->end[e]->span.lineconfig & DAHDI_CONFIG_CRC4))
			b->end[!e]->span.count.ebit++;
	}
	if (end->fas) {
		end->fas--;
		count->fas++;
		count->fe++;
		end->errors++;
	}
	return damage;
}

/*
 * A slip repeats a frame when the reader is too fast, or skips one when it is
 * too slow. Slips come as one and the other in turn, so that one frame of
 * memory will do for any number of them. Returns whether one happens now.
 */
static bool trunk_slips(struct vline_board *b, int e)
{
	struct vline_trunk_end *end = &b->trunk->end[e];

	if (!end->slip || !trunk_up(b->end[e]) || !trunk_payload(b, e))
		return false;
	end->slip--;
	end->slips++;
	end->errors++;
	b->end[e]->span.count.timingslips++;
	return true;
}

/* Moves one chunk of every channel to an end. */
static void trunk_carry(struct vline_board *b, int e)
{
	struct vline_trunk_end *end = &b->trunk->end[e];
	struct vline_span *to = b->end[e], *from = b->end[!e];
	bool payload = trunk_payload(b, e), slips = trunk_slips(b, e);
	bool late = end->late;
	unsigned int i;

	/* The far end sends back what it got, or this one hears itself. */
	if (trunk_local_loop(to) || b->trunk->end[!e].looped)
		from = to;
	for (i = 0; i < b->channels; i++) {
		u8 chunk[DAHDI_CHUNKSIZE + 1], *rx = to->store[i].readchunk;

		chunk[0] = end->last[i];
		if (payload)
			memcpy(chunk + 1, from->store[i].writechunk, DAHDI_CHUNKSIZE);
		else
			memset(chunk + 1, 0xff, DAHDI_CHUNKSIZE);
		end->last[i] = chunk[DAHDI_CHUNKSIZE];
		memcpy(rx, chunk + !late, DAHDI_CHUNKSIZE);
		if (slips && !late)	/* octet 4 comes again */
			memmove(rx + 5, rx + 4, DAHDI_CHUNKSIZE - 5);
		else if (slips)		/* octet 4 is left out */
			memcpy(rx + 4, chunk + 5, DAHDI_CHUNKSIZE - 4);
	}
	if (slips)
		end->late = !late;
	if (trunk_errors(b, e) && end->error_slot && end->error_slot <= b->channels)
		to->store[end->error_slot - 1].readchunk[0] ^= ERROR_BIT;
}

static void trunk_seconds(struct vline_board *b)
{
	struct vline_trunk *t = b->trunk;
	int e;

	if (++t->second_ms < MSEC_PER_SEC)
		return;
	t->second_ms = 0;
	for (e = 0; e < 2; e++) {
		if (t->end[e].errors)
			b->end[e]->span.count.errsec++;
		t->end[e].errors = 0;
	}
}

/**
 * vline_trunk_step() - One millisecond of a cable.
 * @b:		its board, both spans there
 * @heard:	filled with what each end is to be told
 */
void vline_trunk_step(struct vline_board *b, struct vline_heard heard[2])
{
	struct vline_trunk *t = b->trunk;
	unsigned long flags;
	int e;

	spin_lock_irqsave(&t->lock, flags);
	trunk_faults(b);
	for (e = 0; e < 2; e++)
		trunk_carry(b, e);
	trunk_seconds(b);
	for (e = 0; e < 2; e++) {
		int from = trunk_local_loop(b->end[e]) ? e : !e;

		heard[e].alarms = t->end[e].alarms;
		heard[e].bits = t->end[e].running && trunk_payload(b, e) && !t->end[!e].looped;
		memcpy(heard[e].rxbits, t->end[from].txbits, sizeof(heard[e].rxbits));
	}
	spin_unlock_irqrestore(&t->lock, flags);
}

/* The "state" control of vline_uapi.h. */
void vline_trunk_show(struct vline_trunk *t, unsigned int end, struct seq_file *m)
{
	const struct vline_trunk_end *e = &t->end[end];
	unsigned long flags;

	spin_lock_irqsave(&t->lock, flags);
	seq_printf(m, "running=%d alarms=0x%x fault=0x%x looped=%d slips=%u\n",
		   e->running, e->alarms, e->fault, e->looped, e->slips);
	spin_unlock_irqrestore(&t->lock, flags);
}
