// SPDX-License-Identifier: GPL-2.0-only
/*
 * A line's audio: what one end says the other hears, weaker by loss_db; and
 * the hybrid of the port lets some of what the port says come back to it,
 * weaker by hybrid_db and late by echo_ms, as on any two-wire line.
 */
#include <linux/build_bug.h>
#include <linux/minmax.h>

#include "vline.h"

/* 10^(-dB/20) in units of 1/32768, for 0 to 60 dB. */
static const u16 gain[VLINE_MAX_HYBRID_DB + 1] = {
	32768, 29205, 26029, 23198, 20675, 18427, 16423, 14637, 13045, 11627,
	10362,  9235,  8231,  7336,  6538,  5827,  5193,  4629,  4125,  3677,
	 3277,  2920,  2603,  2320,  2068,  1843,  1642,  1464,  1305,  1163,
	 1036,   924,   823,   734,   654,   583,   519,   463,   413,   368,
	  328,   292,   260,   232,   207,   184,   164,   146,   130,   116,
	  104,    92,    82,    73,    65,    58,    52,    46,    41,    37,
	   33,
};

/* Between ends of one law, octets pass unchanged. */
static void audio_plain(struct dahdi_chan *to, const struct dahdi_chan *from)
{
	int i;

	if (to->xlaw == from->xlaw) {
		memcpy(to->readchunk, from->writechunk, DAHDI_CHUNKSIZE);
		return;
	}
	for (i = 0; i < DAHDI_CHUNKSIZE; i++)
		to->readchunk[i] = DAHDI_LIN2X(DAHDI_XLAW(from->writechunk[i], from), to);
}

static void audio_silence(struct dahdi_chan *to)
{
	memset(to->readchunk, DAHDI_LIN2X(0, to), DAHDI_CHUNKSIZE);
}

static void audio_lossy(struct dahdi_chan *to, const struct dahdi_chan *from,
			u32 loss_db)
{
	int i;

	for (i = 0; i < DAHDI_CHUNKSIZE; i++) {
		s32 v = DAHDI_XLAW(from->writechunk[i], from) * gain[loss_db];

		to->readchunk[i] = DAHDI_LIN2X((s16)(v >> 15), to);
	}
}

static void audio_one_way(bool pass, u32 loss_db, struct dahdi_chan *to,
			  const struct dahdi_chan *from)
{
	if (!pass)
		audio_silence(to);
	else if (loss_db)
		audio_lossy(to, from, loss_db);
	else
		audio_plain(to, from);
}

/* Adds to what the port hears a weak copy of what it said. */
static void audio_echo(struct vline_echo *e, struct dahdi_chan *port, u32 late_ms,
		       u32 hybrid_db)
{
	unsigned int late = late_ms * DAHDI_CHUNKSIZE;
	int i;

	BUILD_BUG_ON(VLINE_ECHO_SAMPLES < (VLINE_MAX_ECHO_MS + 1) * DAHDI_CHUNKSIZE);
	for (i = 0; i < DAHDI_CHUNKSIZE; i++) {
		s32 v;

		e->sent[e->pos % VLINE_ECHO_SAMPLES] = DAHDI_XLAW(port->writechunk[i], port);
		if (hybrid_db < VLINE_MAX_HYBRID_DB) {
			v = e->sent[(e->pos - late) % VLINE_ECHO_SAMPLES] * gain[hybrid_db];
			v = (v >> 15) + DAHDI_XLAW(port->readchunk[i], port);
			v = clamp_t(s32, v, S16_MIN, S16_MAX);
			port->readchunk[i] = DAHDI_LIN2X((s16)v, port);
		}
		e->pos++;
	}
}

/* One chunk of audio both ways, once both ends' transmitters have run. */
void vline_audio_pass(struct vline_line *l, const struct vline_seen *seen,
		      struct dahdi_chan *fxs, struct dahdi_chan *fxo)
{
	u32 loss_db, hybrid_db, echo_ms;
	unsigned long flags;

	spin_lock_irqsave(&l->lock, flags);
	loss_db = l->loss_db;
	hybrid_db = l->hybrid_db;
	echo_ms = l->echo_ms;
	spin_unlock_irqrestore(&l->lock, flags);

	audio_one_way(seen->to_fxs, loss_db, fxs, fxo);
	audio_one_way(seen->to_fxo, loss_db, fxo, fxs);
	audio_echo(&l->echo, fxs, echo_ms, hybrid_db);
}
