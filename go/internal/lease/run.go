package lease

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// run is some messages of one claim, by the indexes of the first and the last.
type run struct {
	claim       string
	first, last int
}

// runs are messages as scripts take them.
type runs struct {
	runs []run
	// order has the index of each message in the order of the runs; nil where that is
	// the order in which they were given.
	order []int
}

// index returns the index of the message with that number among those of all runs.
func (r *runs) index(number int) int {
	if r.order == nil {
		return number
	}
	return r.order[number]
}

// runsOf returns as few runs as n messages can be given in.
func runsOf(n int, handle func(i int) Handle) runs {
	if inOrder := runsInOrder(n, handle); len(inOrder) < 2 {
		return runs{runs: inOrder}
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := handle(a), handle(b)
		return cmp.Or(cmp.Compare(x.Claim, y.Claim), cmp.Compare(indexOf(x), indexOf(y)))
	})
	return runs{runsInOrder(n, func(i int) Handle { return handle(order[i]) }), order}
}

// runsInOrder returns the runs of n messages in their order.
func runsInOrder(n int, handle func(i int) Handle) []run {
	var all []run
	for i := range n {
		h := handle(i)
		index := indexOf(h)
		if last := len(all) - 1; last >= 0 && all[last].claim == h.Claim && all[last].last+1 == index {
			all[last].last = index
		} else {
			all = append(all, run{h.Claim, index, index})
		}
	}
	return all
}

// indexOf returns the index of a message in its claim: 1 where the claim is that of
// a retry or of a suspect, which has no other.
func indexOf(h Handle) int {
	if strings.ContainsAny(h.Claim, "/!") {
		return 1
	}
	n, err := strconv.Atoi(h.ID[strings.LastIndexByte(h.ID, '-')+1:])
	if err != nil {
		return 0 // no message has it
	}
	return n
}
