package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// resp is a connection with a hand-written implementation of the protocol.
type resp struct {
	connection net.Conn
	stop       func() bool // stops the interruption by the context
	in         *bufio.Reader
	out        *bufio.Writer
	number     []byte
}

func dialRESP(ctx context.Context, options *redis.Options) (*resp, error) {
	if options.TLSConfig != nil {
		return nil, errors.New("hand-written RESP does not support TLS")
	}
	connection, err := new(net.Dialer).DialContext(ctx, options.Network, options.Addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { connection.Close() })
	r := &resp{connection: connection, stop: stop, in: bufio.NewReaderSize(connection, 64<<10), out: bufio.NewWriterSize(connection, 64<<10)}
	if options.Password != "" {
		user := options.Username
		if user == "" {
			user = "default"
		}
		err = r.ask("AUTH", user, options.Password)
	}
	if err == nil && options.DB != 0 {
		err = r.ask("SELECT", strconv.Itoa(options.DB))
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *resp) close() {
	r.stop()
	r.connection.Close()
}

// ask executes a command whose reply is one line.
func (r *resp) ask(words ...string) error {
	r.array(len(words))
	for _, word := range words {
		r.bulk([]byte(word))
	}
	if err := r.out.Flush(); err != nil {
		return err
	}
	_, err := r.line()
	return err
}

func (r *resp) header(kind byte, n int) {
	_ = r.out.WriteByte(kind) // Flush returns the error
	r.number = strconv.AppendInt(r.number[:0], int64(n), 10)
	_, _ = r.out.Write(r.number)
	_, _ = r.out.WriteString("\r\n")
}

func (r *resp) array(n int) { r.header('*', n) }

func (r *resp) bulk(text []byte) {
	r.header('$', len(text))
	_, _ = r.out.Write(text)
	_, _ = r.out.WriteString("\r\n")
}

// message writes the message with a mark.
func (r *resp) message(t *template, mark int64) {
	r.header('$', len(t.raw))
	_, _ = r.out.Write(t.raw[:t.markAt])
	r.number = strconv.AppendInt(r.number[:0], mark, 10)
	_, _ = r.out.Write(r.number)
	_, _ = r.out.Write(t.raw[t.markAt+len(r.number):])
	_, _ = r.out.WriteString("\r\n")
}

// push writes one LPUSH with count messages.
func (r *resp) push(t *template, key string, mark int64, count int) {
	r.array(2 + count)
	r.bulk([]byte("LPUSH"))
	r.bulk([]byte(key))
	for i := range count {
		r.message(t, mark+int64(i))
	}
}

// line reads a reply of one line, without its type.
func (r *resp) line() (string, error) {
	text, err := r.in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	if len(text) < 3 {
		return "", fmt.Errorf("Redis replied %q", text)
	}
	if text[0] == '-' {
		return "", fmt.Errorf("Redis replied %s", text[1:len(text)-2])
	}
	return string(text[1 : len(text)-2]), nil
}

// length reads a reply with a number: an integer, or the header of a bulk string or an
// array.
func (r *resp) length() (int, error) {
	text, err := r.line()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// pop pops at most count messages and calls received with each. The bytes are valid until
// received returns.
func (r *resp) pop(key string, count int, buffer []byte, received func(raw []byte)) (int, []byte, error) {
	r.array(3)
	r.bulk([]byte("RPOP"))
	r.bulk([]byte(key))
	r.bulk(strconv.AppendInt(nil, int64(count), 10))
	if err := r.out.Flush(); err != nil {
		return 0, buffer, err
	}
	n, err := r.length()
	if err != nil || n < 0 {
		return 0, buffer, err
	}
	for range n {
		length, err := r.length()
		if err != nil {
			return 0, buffer, err
		}
		if cap(buffer) < length+2 {
			buffer = make([]byte, length+2)
		}
		buffer = buffer[:length+2]
		if _, err := io.ReadFull(r.in, buffer); err != nil {
			return 0, buffer, err
		}
		received(buffer[:length])
	}
	return n, buffer, nil
}

// pushAll pushes messages in large commands, one command ahead of the replies.
func (s *stage) pushAll(r *resp, key string, mark int64, count int) error {
	step, waiting := s.chunk(1000), 0
	for done := 0; done < count || waiting > 0; {
		if done < count {
			n := min(step, count-done)
			r.push(s.template, key, mark+int64(done), n)
			if err := r.out.Flush(); err != nil {
				return err
			}
			done += n
			waiting++
		}
		if waiting > 1 || done >= count {
			if _, err := r.line(); err != nil {
				return err
			}
			waiting--
		}
	}
	return nil
}
