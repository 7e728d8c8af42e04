package mzsim

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// scramIterations is PostgreSQL's default cost.
const scramIterations = 4096

func (s *session) authenticate() error {
	switch s.sim.opts.Auth {
	case AuthCleartext:
		return s.cleartext()
	case AuthSCRAM:
		return s.scram()
	case AuthNone:
	}
	return nil
}

func (s *session) cleartext() error {
	s.send(&pgproto3.AuthenticationCleartextPassword{})
	if err := s.flush(); err != nil {
		return err
	}
	m, err := s.authMessage(pgproto3.AuthTypeCleartextPassword)
	if err != nil {
		return err
	}
	p, ok := m.(*pgproto3.PasswordMessage)
	want, known := s.sim.opts.Users[s.user]
	if !ok || !known || subtle.ConstantTimeCompare([]byte(p.Password), []byte(want)) != 1 {
		return ErrPassword()
	}
	return nil
}

func (s *session) authMessage(kind uint32) (pgproto3.FrontendMessage, error) {
	if err := s.be.SetAuthType(kind); err != nil {
		return nil, err
	}
	m, err := s.be.Receive()
	if err != nil {
		return nil, errGone
	}
	return m, nil
}

// scram is the exchange of RFC 5802 with SHA-256, without channel binding:
//
//	client-first  n,,n=user,r=<nonce>
//	server-first  r=<nonce+ours>,s=<salt>,i=<iterations>
//	client-final  c=biws,r=<nonce+ours>,p=<proof>
//	server-final  v=<signature>
func (s *session) scram() error {
	s.send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}})
	if err := s.flush(); err != nil {
		return err
	}
	m, err := s.authMessage(pgproto3.AuthTypeSASL)
	if err != nil {
		return err
	}
	first, ok := m.(*pgproto3.SASLInitialResponse)
	if !ok || first.AuthMechanism != "SCRAM-SHA-256" {
		return fatalf("28000", "unsupported SASL mechanism")
	}
	header, bare, err := splitClientFirst(string(first.Data))
	if err != nil {
		return err
	}
	var salt, ours [18]byte
	_, _ = rand.Read(salt[:]) // never fails
	_, _ = rand.Read(ours[:])
	nonce := attribute(bare, "r") + base64.RawStdEncoding.EncodeToString(ours[:])
	serverFirst := "r=" + nonce + ",s=" + base64.StdEncoding.EncodeToString(salt[:]) + ",i=" + strconv.Itoa(scramIterations)
	s.send(&pgproto3.AuthenticationSASLContinue{Data: []byte(serverFirst)})
	if err := s.flush(); err != nil {
		return err
	}
	if m, err = s.authMessage(pgproto3.AuthTypeSASLContinue); err != nil {
		return err
	}
	response, ok := m.(*pgproto3.SASLResponse)
	if !ok {
		return fatalf("08P01", "expected SASLResponse")
	}
	final := string(response.Data)
	withoutProof, proof, _ := strings.Cut(final, ",p=")
	if attribute(final, "r") != nonce || attribute(final, "c") != base64.StdEncoding.EncodeToString([]byte(header)) {
		return fatalf("08P01", "malformed SCRAM message")
	}
	signature, ok := s.verify(proof, salt[:], bare+","+serverFirst+","+withoutProof)
	if !ok {
		return ErrPassword()
	}
	s.send(&pgproto3.AuthenticationSASLFinal{Data: []byte("v=" + base64.StdEncoding.EncodeToString(signature))})
	return nil
}

// verify checks the client's proof and returns the server's signature.
func (s *session) verify(proof64 string, salt []byte, message string) ([]byte, bool) {
	password, known := s.sim.opts.Users[s.user]
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	proof, perr := base64.StdEncoding.DecodeString(proof64)
	if err != nil || perr != nil || !known || len(proof) != sha256.Size {
		return nil, false
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	signature := mac(stored[:], message)
	key := make([]byte, len(proof))
	subtle.XORBytes(key, proof, signature)
	if got := sha256.Sum256(key); subtle.ConstantTimeCompare(got[:], stored[:]) != 1 {
		return nil, false
	}
	return mac(mac(salted, "Server Key"), message), true
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// splitClientFirst takes the GS2 header off the client's first message.
func splitClientFirst(data string) (header, bare string, err error) {
	parts := strings.SplitN(data, ",", 3)
	if len(parts) != 3 {
		return "", "", fatalf("08P01", "malformed SCRAM message")
	}
	if strings.HasPrefix(parts[0], "p=") {
		return "", "", fatalf("08P01", "channel binding not supported")
	}
	return parts[0] + "," + parts[1] + ",", parts[2], nil
}

// attribute returns the value of one letter in a SCRAM message.
func attribute(message, letter string) string {
	for part := range strings.SplitSeq(message, ",") {
		if v, ok := strings.CutPrefix(part, letter+"="); ok {
			return v
		}
	}
	return ""
}
