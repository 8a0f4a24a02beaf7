package ui

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve observes the queues and serves the page until the context ends, with TLS if
// certificates are given. It ends streams and operations, waits a few seconds for other
// requests, and closes the listener.
func (u *UI) Serve(ctx context.Context, listener net.Listener, certificates ...tls.Certificate) error {
	server := &http.Server{
		Handler:           u,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(u.log.Handler(), slog.LevelDebug),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, Certificates: certificates},
	}
	var background sync.WaitGroup
	background.Go(func() { u.Run(ctx) })
	defer background.Wait()
	failed := make(chan error, 1)
	background.Go(func() {
		if len(certificates) > 0 {
			failed <- server.ServeTLS(listener, "", "")
		} else {
			failed <- server.Serve(listener)
		}
	})
	select {
	case err := <-failed:
		u.end()
		return err
	case <-ctx.Done():
	}
	u.end()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		_ = server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
