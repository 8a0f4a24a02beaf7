package bench

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{5, 1, 2}, Spread{2, 1, 5}},
		{[]float64{4, 1, 2, 10}, Spread{3, 1, 10}},
	} {
		if got, ok := spread(c.values); !ok || got != c.want {
			t.Errorf("%v: %v", c.values, got)
		}
	}
	if _, ok := spread(nil); ok {
		t.Error("spread of no values = true")
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 7: "7", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 1234: "1,234", 1234567.8: "1,234,568", -1.5: "-1.50"} {
		if got := number(value); got != want {
			t.Errorf("number(%g) = %s", value, got)
		}
	}
}

// TestFormats writes a report in every format. The last lines are the goals.
func TestFormats(t *testing.T) {
	report := measured(2)
	report.Measurements[0].Samples, report.Measurements[0].Problem = []Sample{nil, nil, nil}, "broken pipe"
	report.Goals = Compare(report.Measurements)
	var text, markdown bytes.Buffer
	if err := errors.Join(report.WriteText(&text), report.WriteMarkdown(&markdown)); err != nil {
		t.Fatal(err)
	}
	for format, output := range map[string]string{"text": text.String(), "markdown": markdown.String()} {
		lines := strings.Split(strings.TrimRight(output, "\n"), "\n")
		goals := Goals() // the first is not measured
		for i, goal := range goals {
			if line := lines[len(lines)-len(goals)+i]; !strings.Contains(line, goal.What) || !strings.Contains(line, "me") {
				t.Errorf("%s: line %q, want the goal %q", format, line, goal.What)
			}
		}
		if !strings.Contains(output, "FAILED: send-1/100B/library: broken pipe") {
			t.Errorf("%s does not report the failure", format)
		}
	}
	encoded, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "results.json")
	if err := os.WriteFile(path, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := ReadReport(path)
	if err != nil {
		t.Fatal(err)
	}
	var same bytes.Buffer
	if err := again.WriteText(&same); err != nil || same.String() != text.String() {
		t.Errorf("ReadReport returns another report: %v", err)
	}
	testFiles(t, report, dir)
}

// testFiles checks BENCHMARKS.md and its plots.
func testFiles(t *testing.T, report Report, dir string) {
	t.Helper()
	if err := report.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(filepath.Join(dir, "BENCHMARKS.md"))
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := os.ReadDir(filepath.Join(dir, picturesDirectory))
	if err != nil || len(pictures) < 20 {
		t.Fatalf("%d plots, %v", len(pictures), err)
	}
	for _, picture := range pictures {
		if !bytes.Contains(document, []byte("("+picturesDirectory+"/"+picture.Name()+")")) {
			t.Errorf("BENCHMARKS.md does not show %s", picture.Name())
		}
		svg, err := os.ReadFile(filepath.Join(dir, picturesDirectory, picture.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(svg, []byte(">library")) || bytes.Contains(svg, []byte("NaN")) {
			t.Errorf("%s does not show the library", picture.Name())
		}
		for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", picture.Name(), err)
			}
		}
	}
}
