package wire

import "testing"

// The examples of RFC 3986, and texts that url.Parse also accepts.
func TestReadURI(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ hasScheme, ok bool }{
		"ftp://ftp.is.co.za/rfc/rfc1808.txt":        {true, true},
		"http://www.ietf.org/rfc/rfc2396.txt":       {true, true},
		"ldap://[2001:db8::7]/c=GB?objectClass?one": {true, true},
		"mailto:John.Doe@example.com":               {true, true},
		"tel:+1-816-555-1212":                       {true, true},
		"telnet://192.0.2.16:80/":                   {true, true},
		"urn:oasis:names:specification:docbook:dtd": {true, true},
		"foo://user:pw@example.com:8042/a?b=c#d/?e": {true, true},
		"file:///etc/hosts":                         {true, true},
		"http://[v7.a:b]:1/":                        {true, true},
		"http://h:/":                                {true, true},
		"x:":                                        {true, true},
		"":                                          {false, true},
		"//host":                                    {false, true},
		"//":                                        {false, true},
		"../a/%C3%A9;x=1":                           {false, true},
		"?q":                                        {false, true},
		"#":                                         {false, true},
		"a/b:c":                                     {false, true},
		"a:b/c":                                     {true, true},
		"1a:b":                                      {false, false},
		":a":                                        {false, false},
		"a_b:c":                                     {false, false},
		"a b":                                       {false, false},
		"a#b#c":                                     {false, false},
		"a[b]":                                      {false, false},
		"a?[b]":                                     {false, false},
		"a%2":                                       {false, false},
		"a%2g":                                      {false, false},
		"é":                                         {false, false},
		`a\b`:                                       {false, false},
		"a|b":                                       {false, false},
		"a^b`{}<>\"":                                {false, false},
		"a\x7f":                                     {false, false},
		"http://a@b@c/":                             {false, false},
		"http://h:8a/":                              {false, false},
		"http://h:8:0/":                             {false, false},
		"http://[::1/":                              {false, false},
		"http://[::1]8/":                            {false, false},
		"http://[1.2.3.4]/":                         {false, false},
		"http://[fe80::1%25eth0]/":                  {false, false},
		"http://[v.a]/":                             {false, false},
		"http://[v1.%41]/":                          {false, false},
		"http://[]/":                                {false, false},
	} {
		hasScheme, ok := readURI(text)
		if ok != want.ok || ok && hasScheme != want.hasScheme {
			t.Errorf("%q: %v, %v", text, hasScheme, ok)
		}
	}
}
