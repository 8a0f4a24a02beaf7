// Package similar finds the word that a person may have meant.
package similar

// Nearest returns the word with the least edit distance to the name, or "" if no word is
// within the maximum.
func Nearest(name string, words []string, atMost int) string {
	near, least := "", atMost+1
	for _, word := range words {
		if d := distance(name, word); d < least {
			near, least = word, d
		}
	}
	return near
}

// distance is the Levenshtein distance: the number of insertions, deletions and
// substitutions of bytes that convert one string to the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
