#!/usr/bin/env bash
# The step of action.yml that runs the cases. It writes all reports into a directory and a
# summary for the page of the job, and then fails if compat run failed.
set -euo pipefail

args=()
# each FLAG LINES adds the flag with each line that is not empty.
each() {
	while IFS= read -r line; do
		if [[ $line =~ [^[:space:]] ]]; then args+=("$1" "$line"); fi
	done <<<"$2"
}
# yes VALUE succeeds if the value of an input is true.
yes() {
	case $1 in
	true) return 0 ;;
	false) return 1 ;;
	esac
	echo "::error::use true or false instead of \"$1\"" >&2
	exit 2
}
each --impl "$COMPAT_IMPLEMENTATION"
each --case "$COMPAT_CASE"
each --skip "$COMPAT_SKIP"
each --deviations "$COMPAT_DEVIATIONS"
if yes "$COMPAT_QUICK"; then args+=(--quick); fi
if ! yes "$COMPAT_ORIGINALS"; then args+=(--no-originals); fi

compat=$RUNNER_TEMP/compat
dir=$COMPAT_DIRECTORY
mkdir -p "$dir"
code=0
"$compat" run --redis "$COMPAT_REDIS" --report "$dir/report.json" "${args[@]}" || code=$?
if [[ ! -s $dir/report.json ]]; then exit "$code"; fi

"$compat" report "$dir/report.json" \
	--html "$dir/report.html" --junit "$dir/junit.xml" --markdown "$dir/report.md"
cat "$dir/report.md" >>"$GITHUB_STEP_SUMMARY"
echo "report=$dir/report.json" >>"$GITHUB_OUTPUT"
# With several implementations, there is no single badge.
if "$compat" report "$dir/report.json" --badge "$dir/badge.json" 2>/dev/null; then
	echo "badge=$dir/badge.json" >>"$GITHUB_OUTPUT"
else
	rm -f "$dir/badge.json"
fi
exit "$code"
