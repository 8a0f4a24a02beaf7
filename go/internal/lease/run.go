package lease

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// run is a range of messages of one claim, by the first and the last index.
type run struct {
	claim       string
	first, last int
}

// runs is a list of messages in the form that scripts take.
type runs struct {
	runs []run
	// order has the original index of each message in the order of the runs; nil if
	// the order did not change.
	order []int
}

// index returns the original index of the message at a position among all runs.
func (r *runs) index(number int) int {
	if r.order == nil {
		return number
	}
	return r.order[number]
}

// runsOf groups n messages into as few runs as possible, and may reorder them.
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

// runsInOrder groups n messages into runs and keeps their order.
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

// indexOf returns the index of a message within its claim. It is 1 for a retry or a
// suspect, the only message of its claim.
func indexOf(h Handle) int {
	if strings.ContainsAny(h.Claim, "/!") {
		return 1
	}
	n, err := strconv.Atoi(h.ID[strings.LastIndexByte(h.ID, '-')+1:])
	if err != nil {
		return 0 // no message has this index
	}
	return n
}
