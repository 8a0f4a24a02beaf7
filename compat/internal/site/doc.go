// Package site writes the specification as a static site: a page for each chapter, with a
// link for every requirement, test vector and schema, a search that needs no server, and
// the recorded results. Links within the site are relative, so that it works at any
// address and from a directory. It loads nothing from elsewhere.
//
// The site has the schemas at the paths of their $id if it is served from the root of the
// $id's host.
package site
