#!/bin/sh
# Self-test: spandsp's transmitter -> this decoder, plus what minimodem and
# multimon-ng (when installed) make of the same audio.
set -u
: "${OUT:=$(cd "$(dirname "$0")/../../.." && pwd)/target/peers}"
cd "$(dirname "$0")"
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
fail=0; n=0
ok() { n=$((n+1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fail=1; fi; }
has() { "$OUT/adsi_decode" --raw "$T/x" >"$T/j" 2>"$T/e"; python3 -m json.tool <"$T/j" >/dev/null 2>&1 || { ok 1 "$1 (valid JSON)"; return; }
        what=$1; shift; for p in "$@"; do grep -q -- "$p" "$T/j" || { ok 1 "$what: no $p"; return; }; done; ok 0 "$what"; }

"$OUT/adsi_gen" class "$T/x" --num 5551234567 --name "JANE DOE" --date 11210930 --seizure 300 --mark 180
has "MDMF caller ID" '"type": 128' '"text": "5551234567"' '"text": "JANE DOE"' '"text": "11210930"' '"mark_bits": 180' '"seizure_bits": 30[01]' '"modem": "bell202"' '"checksum_ok": true'
"$OUT/adsi_gen" class "$T/x" --num P --name P --date 11210930
has "MDMF private" '"name": "calling_number_absent_reason", "hex": "50"' '"name": "calling_name_absent_reason", "hex": "50"'
"$OUT/adsi_gen" class "$T/x" --sdmf --num 5551234567 --date 01020304
has "SDMF caller ID" '"type": 4' '"text": "5551234567"'
for w in on off; do
  v=true; [ $w = off ] && v=false
  "$OUT/adsi_gen" class "$T/x" --sdmf --mwi $w; has "SDMF VMWI $w" '"type": 6' "], \"mwi\": $v"
  "$OUT/adsi_gen" class "$T/x" --mwi $w;        has "MDMF VMWI $w" '"type": 130' "], \"mwi\": $v"
  "$OUT/adsi_gen" clip  "$T/x" --mwi $w;        has "ETSI VMWI $w" '"type": 130' "], \"mwi\": $v" '"modem": "v23"'
done
"$OUT/adsi_gen" clip "$T/x" --alert --num 02079460000 --date 11210930
has "ETSI/BT FSK after DT-AS" '"modem": "v23"' '"duration_ms": 10[0-9]' '"text": "02079460000"' '"mark_hz": 1300' '"space_hz": 2100'
"$OUT/adsi_gen" jclip "$T/x" --num 0312345678; has "J-CLIP" '"J-CLIP"' '"text": "0312345678"'
"$OUT/adsi_gen" dtmf "$T/x" --digits A5551234D666B00C; has "DTMF A..D..B..C" '"digits": "A5551234D666B00C"' '"start_code": "D", "digits": "666"'
"$OUT/adsi_gen" dtmf "$T/x" --digits D5551234C; has "DTMF D..C" '"digits": "D5551234C"'
"$OUT/adsi_gen" dtmf "$T/x" --digits '5551234#'; has "DTMF ..#" '"digits": "5551234#"'
"$OUT/adsi_gen" class "$T/x" --num 5551234567 --gain -16; has "weak (-30 dBm0) FSK" '"text": "5551234567"'

# raw bit patterns from a third modulator (plain Python): fsk OUT mark space baud seizure mark_bits octets-hex
fsk() { python3 - "$@" <<'PY'
import sys, math, struct
out, m, s, baud, nseiz, nmark = sys.argv[1], *map(float, sys.argv[2:7]); msg = bytes.fromhex(sys.argv[7])
bits = [i & 1 for i in range(int(nseiz))] + [1] * int(nmark)
for o in msg: bits += [0] + [o >> k & 1 for k in range(8)] + [1]
bits += [1] * 8
ph, o, spb = 0.0, [0] * 1600, 8000 / baud
for i in range(int(len(bits) * spb)):
    ph += 2 * math.pi * (m if bits[int(i / spb)] else s) / 8000
    o.append(int(32767 * 10 ** ((-13.5 - 3.14) / 20) * math.sin(ph)))
open(out, 'wb').write(struct.pack('<%dh' % (len(o) + 2400), *o, *[0] * 2400))
PY
}
fsk "$T/x" 1200 2200 1200 300 180 80040202353504; "$OUT/adsi_decode" --raw --expect-none --std class,clip "$T/x" >"$T/j"; ok $? "bad checksum is refused"
grep -q '"complete": true, "checksum_ok": false' "$T/j"; ok $? "bad checksum is reported in fsk_bursts"
fsk "$T/x" 1200 2200 1200 300 180 800402023535"$(python3 -c 'print("%02x" % (-(0x80+4+2+2+0x35*2) & 255))')"
has "Python modulator, level" '"text": "55"' '"level_dbm0": -13.5[0-9]*' '"mark_bits": 180'
fsk "$T/x" 1188 2222 1212 300 180 800402023535"$(python3 -c 'print("%02x" % (-(0x80+4+2+2+0x35*2) & 255))')"
has "edge of tolerance (1188/2222 Hz, 1212 baud) and measured as such" '"text": "55"' '"mark_hz": 118[78]' '"space_hz": 22[12][0-9]' '"baud": 121[0-4]'
fsk "$T/x" 1300 2100 1200 0 80 800402023535"$(python3 -c 'print("%02x" % (-(0x80+4+2+2+0x35*2) & 255))')"
has "off-hook (no seizure, 80 mark bits) V.23" '"text": "55"' '"seizure_bits": 0, "mark_bits": 80' '"modem": "v23"'

if command -v sox >/dev/null; then
  "$OUT/adsi_gen" class "$T/x" --num 5551234567 --name "JANE DOE" --date 11210930 --seizure 300 --mark 180
  sox -t raw -r 8000 -e signed -b 16 -c 1 "$T/x" "$T/x.wav"
  command -v minimodem >/dev/null && { minimodem --rx -q -R 8000 -f "$T/x.wav" callerid 2>/dev/null | grep -q 'Phone: 555-123-4567'; ok $? "minimodem callerid agrees"; }
  for e in mu-law a-law; do
    sox "$T/x.wav" -e $e "$T/y.wav"; "$OUT/adsi_decode" "$T/y.wav" | grep -q '"text": "JANE DOE"'; ok $? "WAV $e"
  done
  sox "$T/x.wav" -p synth whitenoise vol 0.012 | sox -m "$T/x.wav" - "$T/z.wav" 2>/dev/null
  "$OUT/adsi_decode" "$T/z.wav" | grep -q '"text": "5551234567"'; ok $? "with white noise"
  if command -v multimon-ng >/dev/null; then
    sox "$T/x.wav" -t raw -r 22050 -e signed -b 16 -c 1 "$T/mng.raw" 2>/dev/null
    multimon-ng -q -c -a CLIPFSK -t raw "$T/mng.raw" 2>/dev/null | grep -q 5551234567; ok $? "multimon-ng CLIPFSK agrees"
    "$OUT/adsi_gen" dtmf "$T/d" --digits A5551234C
    sox -t raw -r 8000 -e signed -b 16 -c 1 "$T/d" -t raw -r 22050 "$T/d2" 2>/dev/null
    r=$(multimon-ng -q -c -a DTMF -t raw "$T/d2" 2>/dev/null | sed 's/DTMF: //' | tr -d '\n'); [ "$r" = A5551234C ]; ok $? "multimon-ng DTMF agrees ($r)"
  fi
  sox -n -r 8000 -b 16 -c 1 "$T/tone.wav" synth 3 sine 350 sine 440 remix - vol 0.3
  "$OUT/adsi_decode" --expect-none "$T/tone.wav" >/dev/null; ok $? "dial tone decodes to nothing"
fi
echo "1..$n"; exit $fail
