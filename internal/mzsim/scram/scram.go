package scram

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// Mechanism is the name in the protocol.
const Mechanism = "SCRAM-SHA-256"

// iterations is PostgreSQL's default cost.
const iterations = 4096

// Errors of an exchange.
var (
	ErrMalformed = errors.New("malformed SCRAM message")
	ErrBinding   = errors.New("channel binding not supported")
	ErrPassword  = errors.New("invalid password")
)

// Server is the server's side of one exchange.
type Server struct {
	salt   [18]byte
	header string // the client's GS2 header
	nonce  string
	auth   string // the messages so far, as they are signed
}

// First answers the client's first message.
func (s *Server) First(client []byte) ([]byte, error) {
	parts := strings.SplitN(string(client), ",", 3)
	if len(parts) != 3 {
		return nil, ErrMalformed
	}
	if strings.HasPrefix(parts[0], "p=") {
		return nil, ErrBinding
	}
	s.header = parts[0] + "," + parts[1] + ","
	var ours [18]byte
	_, _ = rand.Read(s.salt[:]) // never fails
	_, _ = rand.Read(ours[:])
	s.nonce = attribute(parts[2], "r") + base64.RawStdEncoding.EncodeToString(ours[:])
	answer := "r=" + s.nonce + ",s=" + base64.StdEncoding.EncodeToString(s.salt[:]) + ",i=" + strconv.Itoa(iterations)
	s.auth = parts[2] + "," + answer
	return []byte(answer), nil
}

// Final checks the client's proof that it knows the password and answers with
// the server's signature.
func (s *Server) Final(client []byte, password string) ([]byte, error) {
	final := string(client)
	withoutProof, proof64, _ := strings.Cut(final, ",p=")
	if attribute(final, "r") != s.nonce || attribute(final, "c") != base64.StdEncoding.EncodeToString([]byte(s.header)) {
		return nil, ErrMalformed
	}
	salted, err := pbkdf2.Key(sha256.New, password, s.salt[:], iterations, sha256.Size)
	proof, perr := base64.StdEncoding.DecodeString(proof64)
	if err != nil || perr != nil || len(proof) != sha256.Size {
		return nil, ErrPassword
	}
	message := s.auth + "," + withoutProof
	stored := sha256.Sum256(mac(salted, "Client Key"))
	key := make([]byte, len(proof))
	subtle.XORBytes(key, proof, mac(stored[:], message))
	if got := sha256.Sum256(key); subtle.ConstantTimeCompare(got[:], stored[:]) != 1 {
		return nil, ErrPassword
	}
	signature := mac(mac(salted, "Server Key"), message)
	return []byte("v=" + base64.StdEncoding.EncodeToString(signature)), nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// attribute returns the value of one letter in a message.
func attribute(message, letter string) string {
	for part := range strings.SplitSeq(message, ",") {
		if v, ok := strings.CutPrefix(part, letter+"="); ok {
			return v
		}
	}
	return ""
}
