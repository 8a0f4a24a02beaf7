package remoteevent

import "context"

// deliveryContext makes a delivery known to listeners that get only the event.
type deliveryContext struct {
	context.Context //nolint:containedctx // it is one

	delivery Delivery
}

type deliveryKey struct{}

func (c *deliveryContext) Value(key any) any {
	if key == (deliveryKey{}) {
		return &c.delivery
	}
	return c.Context.Value(key)
}

// DeliveryOf returns the delivery that a listener's context belongs to, or nil
// where it belongs to none. Listeners of [Handle] use it to learn the attempt, and
// by [Delivery.Key] whether an event came twice.
func DeliveryOf(ctx context.Context) *Delivery {
	if ctx == nil {
		return nil
	}
	delivery, _ := ctx.Value(deliveryKey{}).(*Delivery)
	return delivery
}
