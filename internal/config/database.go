package config

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Database says how the database is reached. After [Load] the parts hold what
// URL names, and ConnString is what to connect with.
type Database struct {
	URL            string        `koanf:"url"`
	Host           string        `koanf:"host"`
	Port           int           `koanf:"port"`
	User           string        `koanf:"user"`
	Password       string        `koanf:"password"`
	Name           string        `koanf:"name"`
	SSLMode        string        `koanf:"sslmode"`
	Cluster        string        `koanf:"cluster"`
	Engine         string        `koanf:"engine"` // auto, materialize or postgres
	ConnectTimeout time.Duration `koanf:"connect_timeout"`
}

// ConnString returns the connection URL, password included: never log it.
func (d *Database) ConnString() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(d.User, d.Password), Path: "/" + d.Name}
	if d.Password == "" { // leaves room for a password file
		u.User = url.User(d.User)
	}
	q := url.Values{}
	if d.URL != "" {
		if given, err := url.Parse(d.URL); err == nil {
			q = given.Query()
			for _, part := range []string{"host", "port", "user", "password", "dbname"} {
				q.Del(part)
			}
		}
	}
	q.Set("sslmode", d.SSLMode)
	if strings.HasPrefix(d.Host, "/") || strings.Contains(d.Host, ",") { // a socket's directory, or several hosts
		q.Set("host", d.Host)
		q.Set("port", strconv.Itoa(d.Port))
	} else {
		u.Host = net.JoinHostPort(d.Host, strconv.Itoa(d.Port))
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Target names the database for logs: host, port and name.
func (d *Database) Target() string {
	return net.JoinHostPort(d.Host, strconv.Itoa(d.Port)) + "/" + d.Name
}

// resolveDatabase lets the URL beat the parts, lets the parts fill what the
// URL leaves out, and picks the port that goes with the engine.
func (l *loader) resolveDatabase(r *Result) {
	d := &r.Config.Database
	if u, err := url.Parse(d.URL); d.URL != "" && err == nil {
		q := u.Query()
		password, _ := u.User.Password()
		l.beat("database.host", &d.Host, firstOf(u.Hostname(), q.Get("host")))
		l.beat("database.user", &d.User, firstOf(u.User.Username(), q.Get("user")))
		if l.origins["database.password"].File == "default" {
			d.Password = "" // the default belongs to the default user
		}
		l.beat("database.password", &d.Password, firstOf(password, q.Get("password")))
		l.beat("database.name", &d.Name, firstOf(strings.TrimPrefix(u.Path, "/"), q.Get("dbname")))
		l.beat("database.sslmode", &d.SSLMode, q.Get("sslmode"))
		if text := firstOf(u.Port(), q.Get("port")); text != "" {
			port, err := l.byKey["database.port"].parse(text)
			if err != nil {
				l.fault(l.byKey["database.url"], err.Error())
				return
			}
			given := strconv.Itoa(d.Port)
			l.beat("database.port", &given, text)
			d.Port, _ = port.(int)
		}
	}
	if d.Port == 0 {
		d.Port = 6875
		if d.Engine == "postgres" {
			d.Port = 5432
		}
	}
	for i := range r.Entries {
		if e := &r.Entries[i]; e.Key == "database.port" && e.Text == "" {
			e.Text = strconv.Itoa(d.Port)
		}
	}
}

// beat replaces a part by what the URL says, with a warning when somebody set
// that part to something else.
func (l *loader) beat(key string, part *string, fromURL string) {
	if fromURL == "" {
		return
	}
	if origin := l.origins[key].Place(); origin != "default" && *part != fromURL {
		l.warnings.Add(origin, 0, 0, "ignored, because %s says otherwise", l.origins["database.url"].Place())
	}
	*part = fromURL
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// MaskURL hides the passwords in a connection URL.
func MaskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return mask
	}
	q := u.Query()
	for _, name := range []string{"password", "sslpassword"} {
		if q.Has(name) {
			q.Set(name, mask)
		}
	}
	query := q.Encode()
	shown := u.Scheme + "://"
	if u.User != nil {
		shown += u.User.Username()
		if _, has := u.User.Password(); has {
			shown += ":" + mask
		}
		shown += "@"
	}
	shown += u.Host + u.EscapedPath()
	if query != "" {
		shown += "?" + strings.ReplaceAll(query, url.QueryEscape(mask), mask)
	}
	return shown
}

const mask = "********"
