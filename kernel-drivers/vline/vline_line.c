// SPDX-License-Identifier: GPL-2.0-only
/*
 * One analogue wire pair, as physics would have it: the port feeds battery and
 * ringing voltage, the far end closes the loop. Nothing here knows DAHDI's
 * channels; the figures are those of a usual short-loop port.
 */
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/seq_file.h>

#include "vline.h"

/* A board passes audio on hook for so long after each ring burst. */
#define OHT_AFTER_RING_MS	6000
/* A line without battery for so long is a line that is not plugged in. */
#define NO_BATTERY_MS		1000

#define BATTERY_MV		48000
#define RING_AC_MV		70000
#define LAMP_AC_MV		90000
#define LAMP_DC_MV		90000
/* Resistance of feed and telephone together, and where the feed limits. */
#define FEED_OHMS		800
#define FEED_LIMIT_MA		23
/* Loop current that a port takes for off hook. */
#define SEIZE_MA		10

void vline_line_init(struct vline_line *l)
{
	spin_lock_init(&l->lock);
	l->loop_ohms = 300;
	l->hybrid_db = VLINE_MAX_HYBRID_DB;
	l->ring_trip_ms = 30;
}

/* Both ends are gone; the wire and its controls stay as they are. */
void vline_line_unplug(struct vline_line *l)
{
	unsigned long flags;

	spin_lock_irqsave(&l->lock, flags);
	l->fxs_tx = DAHDI_TXSIG_ONHOOK;
	l->fxo_tx = DAHDI_TXSIG_ONHOOK;
	l->reverse = false;
	l->was_reversed = false;
	l->neon = false;
	l->vmwi_type = 0;
	l->messages = 0;
	l->oht_ms = 0;
	l->tone_mode[0] = 0;
	l->tone_mode[1] = 0;
	spin_unlock_irqrestore(&l->lock, flags);
}

/* The port feeds the line. A ground start port does so only once seized. */
static bool line_fed(const struct vline_line *l)
{
	if (!l->fxs_there || l->fxs_tx == DAHDI_TXSIG_KEWL)
		return false;
	return !l->ground_start || l->fxs_tx != DAHDI_TXSIG_ONHOOK;
}

static bool line_battery(const struct vline_line *l)
{
	return line_fed(l) && !l->cut;
}

static u32 line_current_ma(const struct vline_line *l)
{
	if (!line_battery(l) || !l->fxo_there || l->fxo_tx == DAHDI_TXSIG_ONHOOK)
		return 0;
	return min_t(u32, FEED_LIMIT_MA, BATTERY_MV / (l->loop_ohms + FEED_OHMS));
}

static bool line_loop(const struct vline_line *l)
{
	return line_current_ma(l) >= SEIZE_MA;
}

static bool line_ring_wanted(const struct vline_line *l)
{
	return l->fxs_there && l->fxs_tx == DAHDI_TXSIG_START && !l->tripped;
}

/* Ringing voltage reaches the far end. */
static bool line_rings(const struct vline_line *l)
{
	return line_ring_wanted(l) && l->ring_ms > l->ring_delay_ms && !l->cut;
}

static bool line_reversed(const struct vline_line *l)
{
	return l->reverse != (l->messages && (l->vmwi_type & DAHDI_VMWI_LREV));
}

/* Voltage for a lamp is only fed to an idle line, as a real port does. */
static bool line_lamp(const struct vline_line *l, u32 type)
{
	return l->messages && (l->vmwi_type & type) && line_fed(l) &&
	       !line_loop(l) && l->fxs_tx != DAHDI_TXSIG_START && !l->oht_ms;
}

/* Ringing, its end by an answer, and what is open to audio afterwards. */
static void line_ringer(struct vline_line *l)
{
	if (l->fxs_tx != DAHDI_TXSIG_START) {
		l->tripped = false;
		l->ring_ms = 0;
		l->loop_ms = 0;
		if (l->oht_ms)
			l->oht_ms--;
		return;
	}
	l->oht_ms = OHT_AFTER_RING_MS;
	if (l->ring_ms <= VLINE_MAX_RING_DELAY_MS)
		l->ring_ms++;
	if (!line_loop(l))
		l->loop_ms = 0;
	else if (l->loop_ms++ >= l->ring_trip_ms)
		l->tripped = true;
}

/**
 * vline_line_step() - One millisecond of a line.
 * @l:		the line
 * @fxs:	the FXS end is there
 * @fxo:	the FXO end is there
 * @seen:	filled with what both ends are to be told
 */
void vline_line_step(struct vline_line *l, bool fxs, bool fxo,
		     struct vline_seen *seen)
{
	unsigned long flags;
	bool loop, rings, battery, neon, reversed;

	spin_lock_irqsave(&l->lock, flags);
	l->fxs_there = fxs;
	l->fxo_there = fxo;
	line_ringer(l);
	loop = line_loop(l);
	rings = line_rings(l);
	battery = line_battery(l);

	memset(seen, 0, sizeof(*seen));
	/* An off-hook telephone is not noticed under ringing before it trips. */
	if (loop && !line_ring_wanted(l))
		seen->fxs = DAHDI_RXSIG_OFFHOOK;
	else
		seen->fxs = DAHDI_RXSIG_ONHOOK;
	/* Ground start: the far end grounds its ring wire to seize. */
	if (l->ground_start && fxo && l->fxo_tx == DAHDI_TXSIG_START && !l->cut)
		seen->fxs = DAHDI_RXSIG_START;
	if (rings && !loop)
		seen->fxo = DAHDI_RXSIG_RING;
	else
		seen->fxo = battery ? DAHDI_RXSIG_OFFHOOK : DAHDI_RXSIG_ONHOOK;

	if (battery)
		l->dead_ms = 0;
	else if (l->dead_ms < NO_BATTERY_MS)
		l->dead_ms++;
	/* An idle ground start line has no battery, and nothing is wrong. */
	seen->dead = l->dead_ms >= NO_BATTERY_MS && !(l->ground_start && !l->cut && fxs);

	reversed = line_reversed(l);
	if (battery && reversed != l->was_reversed) {
		l->was_reversed = reversed;
		seen->polarity = true;
	}
	neon = line_lamp(l, DAHDI_VMWI_HVAC) && !l->cut;
	seen->neon_on = neon && !l->neon;
	seen->neon_off = !neon && l->neon;
	l->neon = neon;

	memcpy(seen->tone_mode, l->tone_mode, sizeof(seen->tone_mode));
	seen->to_fxs = loop && !line_ring_wanted(l);
	seen->to_fxo = seen->to_fxs || (l->oht_ms && battery && !line_ring_wanted(l));
	spin_unlock_irqrestore(&l->lock, flags);
}

/* SETPOLARITY: not on a line that rings, is dead, or flashes a lamp. */
int vline_line_polarity(struct vline_line *l, bool reverse)
{
	unsigned long flags;
	int res = 0;

	spin_lock_irqsave(&l->lock, flags);
	if (l->fxs_tx == DAHDI_TXSIG_START || l->fxs_tx == DAHDI_TXSIG_KEWL ||
	    line_lamp(l, DAHDI_VMWI_HVAC))
		res = -EINVAL;
	else
		l->reverse = reverse;
	spin_unlock_irqrestore(&l->lock, flags);
	return res;
}

static void line_voltages(const struct vline_line *l, int *tip_mv, int *ring_mv,
			  int *ac_mv)
{
	u32 ma = line_current_ma(l);
	int dc;

	if (!line_fed(l))
		dc = 0;
	else if (line_lamp(l, DAHDI_VMWI_HVDC))
		dc = LAMP_DC_MV;
	else if (ma)
		dc = min_t(int, BATTERY_MV, ma * (l->loop_ohms + FEED_OHMS / 2));
	else
		dc = BATTERY_MV;
	*tip_mv = line_reversed(l) ? -dc : 0;
	*ring_mv = line_reversed(l) ? 0 : -dc;
	if (line_ring_wanted(l) && l->ring_ms > l->ring_delay_ms)
		*ac_mv = RING_AC_MV;
	else
		*ac_mv = line_lamp(l, DAHDI_VMWI_HVAC) ? LAMP_AC_MV : 0;
}

/* Voltages at the port, against ground; ac_mv is the effective value. */
void vline_line_voltages(struct vline_line *l, int *tip_mv, int *ring_mv,
			 int *ac_mv)
{
	unsigned long flags;

	spin_lock_irqsave(&l->lock, flags);
	line_voltages(l, tip_mv, ring_mv, ac_mv);
	spin_unlock_irqrestore(&l->lock, flags);
}

static const char *line_lamp_name(const struct vline_line *l)
{
	if (line_lamp(l, DAHDI_VMWI_HVAC))
		return "neon";
	if (line_lamp(l, DAHDI_VMWI_HVDC))
		return "hvdc";
	if (l->messages && (l->vmwi_type & DAHDI_VMWI_LREV))
		return "reversal";
	return "off";
}

/* The "state" control of vline_uapi.h. */
void vline_line_show(struct vline_line *l, struct seq_file *m)
{
	int tip_mv, ring_mv, ac_mv;
	unsigned long flags;

	spin_lock_irqsave(&l->lock, flags);
	line_voltages(l, &tip_mv, &ring_mv, &ac_mv);
	seq_printf(m, "battery=%d ringing=%d loop=%d reversed=%d lamp=%s",
		   line_battery(l), line_rings(l), line_loop(l),
		   line_reversed(l), line_lamp_name(l));
	seq_printf(m, " oht_ms=%u messages=%u current_ma=%u",
		   l->oht_ms, l->messages, line_current_ma(l));
	seq_printf(m, " tip_mv=%d ring_mv=%d ac_mv=%d fxs_tx=%d fxo_tx=%d\n",
		   tip_mv, ring_mv, ac_mv, l->fxs_tx, l->fxo_tx);
	spin_unlock_irqrestore(&l->lock, flags);
}
