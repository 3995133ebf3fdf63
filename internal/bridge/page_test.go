// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"io"
	"strings"
	"testing"
	"time"
)

// A browser gets the page after a while; who is none waits for the backend,
// and so does who has said nothing yet, or not all.
func TestPage(t *testing.T) {
	addr := freeAddr(t, "tcp")
	b := bridging(t, Config{Listen: []string{"127.0.0.1:0"}, To: []string{addr}, Page: true, PageAfter: 50 * time.Millisecond})
	const ask = "GET / HTTP/1.1\r\nHost: x\r\naccept: text/html,*/*\r\n\r\n"
	browser := dial(t, b)
	write(t, browser, ask)
	curl, post, ssh := dial(t, b), dial(t, b), dial(t, b)
	for c, word := range map[io.Writer]string{
		curl: "GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n", post: "POST / HTTP/1.1\r\nAccept: text/html\r\n\r\n", ssh: "SSH-2.0\r\n",
	} {
		if _, err := io.WriteString(c, word); err != nil {
			t.Fatal(err)
		}
	}
	slow := dial(t, b)
	write(t, slow, ask[:30])
	all, err := io.ReadAll(browser)
	if s := string(all); err != nil || !strings.HasPrefix(s, "HTTP/1.1 503 ") || !strings.Contains(s, "Retry-After: 2\r\n") || !strings.HasSuffix(s, ownPage) {
		t.Fatalf("the browser got %q, %v", s, err)
	}
	write(t, slow, ask[30:])
	if all, err := io.ReadAll(slow); err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 503 ") {
		t.Errorf("the slow browser got %q, %v", all, err)
	}
	silent := dial(t, b)
	browser.Close()
	slow.Close()
	eventually(t, "the end of those with pages", func() bool { return b.Open() == 4 })
	serving(t, "tcp", addr, echo)
	expect(t, curl, "GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n")
	expect(t, post, "POST / HTTP/1.1\r\nAccept: text/html\r\n\r\n")
	expect(t, ssh, "SSH-2.0\r\n")
	write(t, silent, ask)
	expect(t, silent, ask)
}
