package bench

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The colours of the bars: of the library and of the others.
var (
	libraryColor = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}
	peerColor    = color.RGBA{R: 0xb8, G: 0xbe, B: 0xc6, A: 0xff}
	inkColor     = color.RGBA{R: 0x33, G: 0x33, B: 0x33, A: 0xff}
)

// bar is a bar of a plot.
type bar struct {
	name    string
	value   Spread
	library bool
}

// bars returns a bar for each member of a group that has the metric. The best is last and
// therefore at the top.
func (g group) bars(metric Metric, less bool) (bars []bar) {
	for _, m := range g.members {
		if value, ok := m.Spread(metric); ok {
			bars = append(bars, bar{m.Participant, value, strings.HasPrefix(m.Participant, "library")})
		}
	}
	slices.SortStableFunc(bars, func(a, b bar) int {
		if less {
			a, b = b, a
		}
		return cmp.Compare(a.value.Median, b.value.Median)
	})
	return bars
}

// picture describes a plot of a group.
type picture struct {
	metric Metric
	title  string
	less   bool // lower is better
}

// pictures returns the plots of the group.
func (g group) pictures() []picture {
	switch g.workload {
	case Idle:
		return []picture{{Resident, "resident memory, MiB", true}, {Connections, "connections", true}}
	case Latency, Saturation:
		return []picture{{P50, "p50, µs", true}, {P99, "p99, µs", true}}
	case OneByOne:
		return []picture{{CommandTime, "time in Redis per message, µs", true}}
	default:
		return []picture{{PerSecond, "messages per second", false}}
	}
}

// file returns the name of the picture's file.
func (g group) file(p picture) string {
	parts := []string{g.workload.Name, g.size}
	if p.metric != PerSecond {
		parts = append(parts, strings.TrimSuffix(string(p.metric), "_us"))
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "-") + ".svg"
}

// draw draws a picture as SVG. It returns nil if there is nothing to draw.
func (g group) draw(p picture) ([]byte, error) {
	bars := g.bars(p.metric, p.less)
	if len(bars) == 0 {
		return nil, nil
	}
	plot.DefaultFont.Variant, plotter.DefaultFont.Variant = "Sans", "Sans"
	canvas := plot.New()
	canvas.Title.Text = g.title() + ": " + p.title
	canvas.Title.TextStyle.Color = inkColor
	canvas.Title.Padding = vg.Points(6)
	const barWidth = 14
	names := make([]string, len(bars))
	own, others := make(plotter.Values, len(bars)), make(plotter.Values, len(bars))
	whiskers := whiskers{}
	labels := plotter.XYLabels{}
	longest, scale := 0.0, scaleOf(bars)
	for i, b := range bars {
		names[i] = b.name
		label := number(b.value.Median)
		if b.value.Max > scale {
			b.value = Spread{scale, scale, scale}
			label += ", off the scale"
		}
		longest = max(longest, b.value.Max)
		if b.library {
			own[i] = b.value.Median
		} else {
			others[i] = b.value.Median
		}
		if b.value.Min < b.value.Max {
			whiskers = append(whiskers, whisker{plotter.XY{X: b.value.Median, Y: float64(i)}, b.value})
		}
		labels.XYs = append(labels.XYs, plotter.XY{X: b.value.Max, Y: float64(i)})
		labels.Labels = append(labels.Labels, label)
	}
	for _, series := range []struct {
		values plotter.Values
		color  color.Color
	}{{others, peerColor}, {own, libraryColor}} {
		chart, err := plotter.NewBarChart(series.values, vg.Points(barWidth))
		if err != nil {
			return nil, err
		}
		chart.Horizontal, chart.Color, chart.LineStyle.Width = true, series.color, 0
		canvas.Add(chart)
	}
	if len(whiskers) > 0 {
		errorBars, err := plotter.NewXErrorBars(whiskers)
		if err != nil {
			return nil, err
		}
		errorBars.Color, errorBars.CapWidth = inkColor, vg.Points(5)
		canvas.Add(errorBars)
	}
	values, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, err
	}
	for i := range values.TextStyle {
		values.TextStyle[i].Font.Size = vg.Points(9)
		values.TextStyle[i].YAlign = text.YCenter
		values.TextStyle[i].Color = inkColor
	}
	values.Offset = vg.Point{X: vg.Points(4)}
	canvas.Add(values)
	canvas.NominalY(names...)
	canvas.Y.Tick.Label.Font.Size = vg.Points(10)
	canvas.X.Tick.Label.Font.Size = vg.Points(9)
	canvas.X.Min, canvas.X.Max = 0, longest*1.15
	if longest >= scale {
		canvas.X.Max = longest * 1.3 // for the longer label
	}
	canvas.X.Tick.Marker = plot.TickerFunc(ticks)
	image := vgsvg.New(vg.Points(640), vg.Points(70+float64(len(bars))*22))
	canvas.Draw(draw.Crop(draw.New(image), 6, -6, 6, -8))
	var svg bytes.Buffer
	if _, err := image.WriteTo(&svg); err != nil {
		return nil, err
	}
	return withFallbackFonts(svg.Bytes()), nil
}

// scaleOf returns the largest value that is drawn to scale. A value a thousand times larger
// than the others would make them invisible.
func scaleOf(bars []bar) float64 {
	const times = 50
	least := bars[0].value.Median
	for _, b := range bars {
		least = min(least, b.value.Median)
	}
	medians := make([]float64, 0, len(bars))
	for _, b := range bars {
		medians = append(medians, b.value.Median)
	}
	slices.Sort(medians)
	if second := medians[max(0, len(medians)-2)]; least > 0 && medians[len(medians)-1] > times*max(least, second/4) {
		return second * 3
	}
	return math.Inf(1)
}

// ticks returns the ticks of package plot with numbers as in the tables.
func ticks(lower, upper float64) []plot.Tick {
	marks := plot.DefaultTicks{}.Ticks(lower, upper)
	for i := range marks {
		if marks[i].Label != "" {
			marks[i].Label = number(marks[i].Value)
		}
	}
	return marks
}

var textElement = regexp.MustCompile(`(?s)(<text [^>]*font-size:([0-9.]+)px[^>]*)>([^<]*)</text>`)

// withFallbackFonts adds fallbacks for viewers without the font of the plots, and sets the
// width of each text to its width in that font.
func withFallbackFonts(svg []byte) []byte {
	svg = bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif"))
	return textElement.ReplaceAllFunc(svg, func(element []byte) []byte {
		parts := textElement.FindSubmatch(element)
		size, err := strconv.ParseFloat(string(parts[2]), 64)
		if err != nil || len(parts[3]) == 0 {
			return element
		}
		face := font.DefaultCache.Lookup(plot.DefaultFont, vg.Length(size))
		width := face.Width(html.UnescapeString(string(parts[3])))
		return fmt.Appendf(nil, `%s textLength="%.2f" lengthAdjust="spacingAndGlyphs">%s</text>`, parts[1], width.Points(), parts[3])
	})
}

// whisker shows the spread of a bar.
type whisker struct {
	at     plotter.XY
	spread Spread
}

type whiskers []whisker

func (w whiskers) Len() int                    { return len(w) }
func (w whiskers) XY(i int) (float64, float64) { return w[i].at.X, w[i].at.Y }
func (w whiskers) XError(i int) (float64, float64) {
	return w[i].spread.Median - w[i].spread.Min, w[i].spread.Max - w[i].spread.Median
}

// picturesDirectory is the directory of the pictures, beside the report.
const picturesDirectory = "benchmarks"

// WriteFiles writes BENCHMARKS.md and its plots into a directory.
func (r Report) WriteFiles(dir string) error {
	pictures := filepath.Join(dir, picturesDirectory)
	if err := os.RemoveAll(pictures); err != nil { // including those of removed cases
		return err
	}
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return err
	}
	for _, g := range r.groups() {
		for _, p := range g.pictures() {
			svg, err := g.draw(p)
			if err != nil {
				return err
			}
			if svg == nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(pictures, g.file(p)), svg, 0o644); err != nil {
				return err
			}
		}
	}
	var document bytes.Buffer
	if err := r.writeMarkdown(&document, picturesDirectory); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "BENCHMARKS.md"), document.Bytes(), 0o644)
}
