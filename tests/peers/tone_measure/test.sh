#!/bin/sh
# Self-test: sox makes the tones, spandsp makes the DTMF, tone_measure reads them.
set -u
: "${OUT:=$(cd "$(dirname "$0")/../../.." && pwd)/target/peers}"
cd "$(dirname "$0")"
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
fail=0; n=0
ok() { n=$((n+1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fail=1; fi; }
# (sox synth leaves 3 dB of headroom: v=1 gives a peak of 0.707)
tone() { # OUT seconds silence-after vol f...
  o=$1 d=$2 g=$3 v=$4; shift 4; c=0 a="" m=""
  for f in "$@"; do c=$((c+1)); a="$a sine $f"; m="$m${m:+,}${c}v$v"; done
  sox -n -r 8000 -b 16 -c $c "$T/_m.wav" synth "$d" $a 2>/dev/null && sox "$T/_m.wav" "$o" remix "$m" pad 0 "$g" 2>/dev/null
}
has() { what=$1 f=$2; shift 2; "$OUT/tone_measure" "$f" >"$T/j" || { ok 1 "$what (run)"; return; }
  python3 -m json.tool <"$T/j" >/dev/null || { ok 1 "$what (valid JSON)"; return; }
  for p in "$@"; do grep -q -- "$p" "$T/j" || { ok 1 "$what: no $p"; return; }; done; ok 0 "$what"; }

tone "$T/dial.wav" 3 0 0.2 350 440
has "dial tone: frequencies and level" "$T/dial.wav" '"f": "350+440"' '"hz": 350.0' '"hz": 440.0' '"dbm0": -13.8' '"runs_to_end": true'
tone "$T/b.wav" 0.5 0.5 0.1 480 620; sox "$T/b.wav" "$T/busy.wav" repeat 5
has "busy cadence" "$T/busy.wav" '"repeat": 6' '"f": "480+620", "dbm0": -1[0-9.]*, "on_ms": 500, "off_ms": 500'
"$OUT/tone_measure" --expect '480+620 500/500' "$T/busy.wav" >/dev/null; ok $? "spandsp super_tone_rx hears busy"
"$OUT/tone_measure" --expect '480+620 250/250' "$T/busy.wav" >/dev/null; [ $? = 1 ]; ok $? "spandsp super_tone_rx does not call it reorder"
tone "$T/s.wav" 0.1 0.1 0.2 350 440; sox "$T/s.wav" "$T/s10.wav" repeat 9; sox "$T/s10.wav" "$T/dial.wav" "$T/stutter.wav"
has "message-waiting stutter: 10 bursts then steady" "$T/stutter.wav" '"repeat": 10, "steps": \[{"f": "350+440", "dbm0": [-0-9.]*, "on_ms": 100, "off_ms": 100}\]' '"repeat": 1, "steps": \[{"f": "350+440", "dbm0": [-0-9.]*, "on_ms": 3000, "runs_to_end": true}\]'
tone "$T/1.wav" 0.33 0 0.2 950; tone "$T/2.wav" 0.33 0 0.2 1400; tone "$T/3.wav" 0.33 1 0.2 1800; sox "$T/1.wav" "$T/2.wav" "$T/3.wav" "$T/sit1.wav"; sox "$T/sit1.wav" "$T/sit.wav" repeat 1
has "SIT without gaps" "$T/sit.wav" '"f": "950", "dbm0": [-0-9.]*, "on_ms": 330, "off_ms": 0' '"f": "1400", "dbm0": [-0-9.]*, "on_ms": 330, "off_ms": 0' '"f": "1800", "dbm0": [-0-9.]*, "on_ms": 330, "off_ms": 1000'
tone "$T/u1.wav" 0.75 0 0.2 350 440; tone "$T/u2.wav" 0.75 0 0.2 440; sox "$T/u1.wav" "$T/u2.wav" "$T/u.wav"; sox "$T/u.wav" "$T/uk.wav" repeat 2
has "UK special dial: one component drops out" "$T/uk.wav" '"repeat": 3' '"f": "350+440", "dbm0": [-0-9.]*, "on_ms": 7[45][0-9], "off_ms": 0' '"f": "440", "dbm0": [-0-9.]*, "on_ms": 7[45][0-9]'
sox -n -r 8000 -b 16 -c 1 "$T/am.wav" synth 2 sine 425 synth 2 sine amod 25 vol 0.3 2>/dev/null
has "AM 425*25" "$T/am.wav" '"f": "425\*25"' '"carrier_hz": 425.0, "mod_hz": 25.0, "depth": 1.00'
tone "$T/f.wav" 0.65 0.025 0.2 425; sox "$T/f.wav" "$T/fi.wav" repeat 4
has "25 ms gaps" "$T/fi.wav" '"on_ms": 650, "off_ms": 25'
tone "$T/a.wav" 0.1 0.04 0.1 400 425 450; sox "$T/a.wav" "$T/au.wav" repeat 7
has "three close components in 100 ms bursts" "$T/au.wav" '"f": "400+425+450", "dbm0": [-0-9.]*, "on_ms": 100, "off_ms": 40'
tone "$T/h.wav" 0.1 0.1 0.2 1400 2060 2450 2600; sox "$T/h.wav" "$T/howl.wav" repeat 4
has "howler, four components" "$T/howl.wav" '"f": "1400+2060+2450+2600", "dbm0": [-0-9.]*, "on_ms": 100, "off_ms": 100'
tone "$T/c1.wav" 0.375 0.375 0.3 425; tone "$T/c2.wav" 0.375 0.375 0.095 425; sox "$T/c1.wav" "$T/c2.wav" "$T/c.wav"; sox "$T/c.wav" "$T/auc.wav" repeat 2
has "alternate bursts 10 dB down" "$T/auc.wav" '"repeat": 3, "steps": \[{"f": "425", "dbm0": -10.[34], "on_ms": 375, "off_ms": 375}, {"f": "425", "dbm0": -20.[34]'
for e in mu-law a-law; do sox "$T/dial.wav" -e $e "$T/e.wav"; has "dial tone through $e" "$T/e.wav" '"f": "350+440"' '"hz": 350.0' '"dbm0": -13.[89]'; done
sox "$T/busy.wav" -p synth whitenoise vol 0.003 | sox -m -v 1 "$T/busy.wav" -v 1 - "$T/nz.wav" 2>/dev/null
has "busy with noise at about -46 dBm0" "$T/nz.wav" '"repeat": 6' '"f": "480+620"'
"$OUT/adsi_gen" dtmf "$T/d.raw" --digits '123A456B789C*0#D'
"$OUT/tone_measure" --raw "$T/d.raw" >"$T/j"; grep -q '"digits": "123A456B789C\*0#D"' "$T/j"; ok $? "all 16 DTMF digits"
grep -q '"digit": "5".*"low_hz": 770.0, "high_hz": 1336.0.*"twist_db": 0.0' "$T/j"; ok $? "DTMF frequencies and twist"
sox -n -r 8000 -b 16 -c 1 "$T/z.wav" trim 0 2 2>/dev/null; "$OUT/tone_measure" "$T/z.wav" | grep -q '"segments": \[\]'; ok $? "silence is empty"
echo "1..$n"; exit $fail
