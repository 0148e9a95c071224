// SPDX-License-Identifier: GPL-2.0-only
/*
 * The board's DTMF receiver (Q.24), in integers: Goertzel's resonators for the
 * eight frequencies over blocks of 13 ms. A digit counts when two blocks in a
 * row say so, and ends with the first block that does not.
 */
#include <linux/string.h>

#include "vline.h"

#define BLOCK_SAMPLES	104	/* 13 chunks */
/* Mean square of about -29 dBm0, over a block: anything less is silence. */
#define MIN_ENERGY	((u64)BLOCK_SAMPLES * 140 * 140)

/* 2 cos(2 pi f / 8000) in units of 1/16384. */
static const s32 coef[8] = {
	27980, 26956, 25701, 24219,	/* 697, 770, 852, 941 Hz */
	19073, 16325, 13085, 9315,	/* 1209, 1336, 1477, 1633 Hz */
};

static const char digits[4][5] = { "123A", "456B", "789C", "*0#D" };

static void dtmf_restart(struct vline_dtmf *d)
{
	d->samples = 0;
	d->energy = 0;
	memset(d->v1, 0, sizeof(d->v1));
	memset(d->v2, 0, sizeof(d->v2));
}

/* The digit of a full block, 0 for none. */
static char dtmf_digit(const struct vline_dtmf *d)
{
	s64 power[8];
	int i, row = 0, col = 4;
	u64 both;

	if (d->energy < MIN_ENERGY)
		return 0;
	for (i = 0; i < 8; i++) {
		s64 a = d->v1[i], b = d->v2[i];

		power[i] = a * a + b * b - ((a * b) >> 14) * coef[i];
		if (i < 4 && power[i] > power[row])
			row = i;
		if (i >= 4 && power[i] > power[col])
			col = i;
	}
	/* Twist: neither more than 8 dB above the other. */
	if (power[row] > power[col] * 6 || power[col] > power[row] * 6)
		return 0;
	/* The other frequencies at least 6 dB below. */
	for (i = 0; i < 8; i++)
		if (i != row && i != col && power[i] * 4 > power[i < 4 ? row : col])
			return 0;
	/*
	 * A sine of the block's length gives a power of N/2 times its energy:
	 * ask that both frequencies together hold 5/8 of all there is.
	 */
	both = power[row] + power[col];
	if (both < d->energy * (BLOCK_SAMPLES / 2) / 8 * 5)
		return 0;
	return digits[row][col - 4];
}

static void dtmf_block(struct vline_dtmf *d, struct dahdi_chan *chan)
{
	char heard = dtmf_digit(d);

	if (d->down && heard != d->down) {
		dahdi_qevent_lock(chan, DAHDI_EVENT_DTMFUP | d->down);
		d->down = 0;
	}
	if (heard && heard == d->heard && !d->down) {
		dahdi_qevent_lock(chan, DAHDI_EVENT_DTMFDOWN | heard);
		d->down = heard;
	}
	d->heard = heard;
	dtmf_restart(d);
}

/*
 * Listens to what a channel is about to receive; mutes it while a digit lasts.
 * mode is what DAHDI_TONEDETECT asked for.
 */
void vline_dtmf_chunk(struct vline_dtmf *d, struct dahdi_chan *chan, u32 mode)
{
	int i, k;

	if (!(mode & DAHDI_TONEDETECT_ON)) {
		d->on = false;
		return;
	}
	if (!d->on) {
		dtmf_restart(d);
		d->heard = 0;
		d->down = 0;
		d->on = true;
	}
	for (i = 0; i < DAHDI_CHUNKSIZE; i++) {
		s32 x = DAHDI_XLAW(chan->readchunk[i], chan) >> 2;

		d->energy += (s64)x * x;
		for (k = 0; k < 8; k++) {
			s32 v = (((s64)coef[k] * d->v1[k]) >> 14) - d->v2[k] + x;

			d->v2[k] = d->v1[k];
			d->v1[k] = v;
		}
	}
	d->samples += DAHDI_CHUNKSIZE;
	if (d->samples >= BLOCK_SAMPLES)
		dtmf_block(d, chan);
	if ((mode & DAHDI_TONEDETECT_MUTE) && (d->down || d->heard))
		memset(chan->readchunk, DAHDI_LIN2X(0, chan), DAHDI_CHUNKSIZE);
}
