package world

import (
	"math/rand/v2"
	"strings"
)

// known are tickers that look familiar on a demo screen.
const known = "AAPL MSFT NVDA AMZN GOOGL META TSLA AVGO JPM LLY V UNH XOM MA COST HD PG JNJ NFLX ABBV BAC CRM ORCL KO CVX MRK AMD WMT PEP TMO " +
	"LIN ADBE ACN MCD CSCO ABT QCOM GE TXN INTU AMGN IBM VZ DHR NOW PFE CAT ISRG PM UBER SPGI AMAT NEE GS T RTX LOW HON BKNG UNP PGR ETN " +
	"SAP ASML SHEL AZN NVS TTE SONY BHP UL RIO BP DEO SAN BBVA ING NOK ERIC PHG VOD BTI"

// symbol returns the ticker of the n-th instrument: a known one, then all
// words of four letters.
func symbol(n int) string {
	tickers := strings.Fields(known)
	if n < len(tickers) {
		return tickers[n]
	}
	n -= len(tickers)
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	// Multiplying by a number that has no factor in common with the number
	// of words visits each of them once, in an order that looks random.
	const words = 26 * 26 * 26 * 26
	k := n % words * 123457 % words
	b := []byte{letters[k/17576], letters[k/676%26], letters[k/26%26], letters[k%26], 'X'}
	for round := n / words; round > 0; round /= 26 {
		b = append(b, letters[round%26])
	}
	return string(b)
}

func company(rnd *rand.Rand, symbol string, n int) (name, sector string) {
	sectors := []string{"Technology", "Financials", "Health Care", "Energy", "Industrials", "Consumer", "Materials", "Utilities", "Real Estate", "Communications"}
	forms := []string{"Inc", "Corp", "Group", "Holdings", "plc", "AG", "SA", "Ltd"}
	sector = sectors[rnd.IntN(len(sectors))]
	word := symbol[:1] + strings.ToLower(symbol[1:])
	if n%7 == 0 {
		word += " & Sons" // something to escape for those who do it wrong
	}
	return word + " " + forms[rnd.IntN(len(forms))], sector
}

func currency(rnd *rand.Rand) string {
	return []string{"USD", "USD", "USD", "EUR", "GBP", "CHF", "JPY"}[rnd.IntN(7)]
}
