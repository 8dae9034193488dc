package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A made-up shop for coffee, tea and what goes with them stands in for the databases that a real repository would read. The same seed makes
// the same customers, products and orders every time.

const (
	seed      = 20230715
	customers = 2000
)

var (
	firstDay = date(2022, time.January, 15)
	today    = date(2023, time.July, 15) // the last day with orders is the one before
)

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// random returns the generator of one part of the shop, so that a change of one part leaves the others as they are.
func random(part uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, part)) }

const (
	partCustomers uint64 = iota + 1
	partHabits
	partOrders
)

var (
	firstNames = strings.Fields("Ada Ben Chloé Dario Emma Felix Grace Hugo Ines Jonas Kim Lena Mateo Nora Oskar Priya Quinn Rosa Sam Tariq Ute Viktor Wanda Xenia Yusuf Zoë " +
		"Åsa Björn Carla David Elif François Greta Hiro Ivan Julia Karim Louise Marek Naomi Olga Pedro Rahel Søren Tomás Uma Vera Wei Yara Zain")
	lastNames = strings.Fields("Almeida Bauer Costa Dubois Eriksen Fischer García Hansen Ito Jansen Kowalski López Müller Nguyen O'Brien Petrov Quintero Rossi Schmidt Takahashi " +
		"Ueda Varga Weber Xu Yılmaz Zhang Andersson Brandt Conti Diaz Egger Fontaine Gruber Haddad Ivanova Jovanović Keller Lindqvist Moreau Novák Okafor Park Rahman Silva Tóth Urban Vogel Wójcik")
	plainLetters = strings.NewReplacer("å", "a", "ä", "ae", "á", "a", "ç", "c", "ć", "c", "é", "e", "ë", "e", "í", "i", "ı", "i", "ó", "o", "ö", "oe", "ø", "o", "ü", "ue", "'", "")
)

// generateCustomers makes the customers in the order in which they signed up.
func generateCustomers() []Customer {
	r := random(partCustomers)
	days := int(today.Sub(firstDay).Hours()/24) - 10
	signups := make([]int, customers)
	for i := range signups {
		signups[i] = int(float64(days) * math.Pow(r.Float64(), 0.85)) // more and more
	}
	slices.Sort(signups)

	rows := make([]Customer, customers)
	for i, day := range signups {
		name := firstNames[r.IntN(len(firstNames))] + " " + lastNames[r.IntN(len(lastNames))]
		c := Customer{CustomerID: int64(1001 + i), Name: name, SignupDate: firstDay.AddDate(0, 0, day), Tier: "basic"}
		if r.Float64() < 0.28 {
			c.Tier = "premium"
		}
		if r.Float64() < 0.96 { // the others ordered at the counter
			mail := strings.ReplaceAll(plainLetters.Replace(strings.ToLower(name)), " ", ".") + "@example.com"
			c.Email = &mail
		}
		rows[i] = c
	}
	return rows
}

// A habit is what the shop cannot see of a customer: how often somebody orders, and when it will have been for the last time.
type habit struct {
	perDay float64
	leaves time.Time
}

func generateHabits(customers []Customer) []habit {
	r := random(partHabits)
	habits := make([]habit, len(customers))
	for i, c := range customers {
		keenness := r.NormFloat64()
		perMonth, leaving := 1.2*math.Exp(0.55*keenness), 0.11*math.Exp(-0.85*keenness) // who orders often stays
		if c.Tier == "premium" {
			perMonth, leaving = 1.3*perMonth, 0.4*leaving
		}
		habits[i] = habit{perDay: perMonth / 30, leaves: c.SignupDate.AddDate(0, 0, 3+min(2000, int(30*r.ExpFloat64()/leaving)))}
	}
	return habits
}

// Each line is a category, how its demand grows in a month, and its products: name, cost, retail price, supplier ("-" is our own kitchen).
const assortment = `
Coffee +0.010: House Blend 4.10 9.90 Altura; Dark Roast 4.40 10.50 Altura; Decaf 4.90 11.20 Altura; Espresso Napoli 5.20 12.90 Altura; Ethiopia Sidamo 6.80 15.50 Altura; Colombia Huila 6.10 14.20 Altura; Kenya AA 7.40 16.90 Altura; Cold Brew Bags 3.20 8.50 -; Coffee Sampler 8.90 19.90 Altura; Barista Kilo 14.50 27.90 Altura
Tea +0.035: Earl Grey 2.10 5.90 Jade & Sons; English Breakfast 1.90 5.50 Jade & Sons; Sencha 3.60 8.90 Jade & Sons; Matcha 8.20 19.50 Jade & Sons; Jasmine Pearls 5.10 12.50 Jade & Sons; Oolong 4.80 11.90 Jade & Sons; Rooibos 1.80 4.90 Kap Trading; Mint 1.20 3.90 Kap Trading; Chai 2.40 6.50 -; Tea Sampler 6.30 14.90 Jade & Sons
Chocolate +0.015: Milk Bar 1.10 2.90 Casa Cacao; Dark 70 1.30 3.20 Casa Cacao; Dark 85 1.50 3.60 Casa Cacao; Orange Peel 2.20 5.20 -; Truffles 5.40 11.90 -; Hot Chocolate 2.80 6.90 Casa Cacao; Hazelnut Cream 2.60 5.90 Casa Cacao; Cocoa Nibs 2.10 5.40 Casa Cacao; Nougat 2.30 4.90 -; Chocolate Box 9.80 21.90 -
Spices -0.010: Cinnamon 0.90 3.20 Kap Trading; Cardamom 1.90 5.90 Kap Trading; Vanilla 4.60 9.50 Kap Trading; Nutmeg 1.10 3.60 Kap Trading; Star Anise 1.30 3.90 Kap Trading; Clove 1.00 3.20 Kap Trading; Ginger 0.80 2.90 Kap Trading; Saffron 6.90 13.90 Kap Trading; Turmeric 0.70 2.70 Kap Trading; Spice Rack 12.80 24.90 Kap Trading
Kitchen +0.000: Paper Filters 1.20 3.50 Nordhaus; French Press 11.40 24.90 Nordhaus; Moka Pot 13.20 27.50 Nordhaus; Hand Grinder 17.90 36.90 Nordhaus; Tea Strainer 2.10 5.50 Nordhaus; Teapot 9.80 21.50 Nordhaus; Mug 3.10 8.90 Nordhaus; Thermos 9.20 19.90 Nordhaus; Scale 10.70 22.90 Nordhaus; Milk Frother 6.80 14.90 Nordhaus
Gifts -0.030: Gift Card 9.50 10.00 -; Gift Wrap 0.40 1.90 -; Breakfast Hamper 16.20 32.90 -; Tasting Evening 12.00 25.00 -; Advent Calendar 10.90 22.90 -; Postcard Set 1.40 4.20 Nordhaus; Candle 3.60 8.90 Nordhaus; Tote Bag 2.90 7.50 Nordhaus; Recipe Book 6.90 14.90 Nordhaus; Anniversary Tin 5.20 11.50 Altura
`

// A ware is a product with what the shop cannot see of it.
type ware struct {
	Product
	popularity float64
	growth     float64 // of demand in a month
}

func generateProducts() []ware {
	var wares []ware
	for line := range strings.SplitSeq(strings.TrimSpace(assortment), "\n") {
		head, list, _ := strings.Cut(line, ": ")
		category, growth, _ := strings.Cut(head, " ")
		place := 0
		for item := range strings.SplitSeq(list, "; ") {
			w := ware{Product: Product{Category: category}, growth: number(growth)}
			words := strings.Fields(item)
			prices := slices.IndexFunc(words, func(word string) bool { return strings.Contains(word, ".") })
			w.Product.Product = strings.Join(words[:prices], " ")
			w.Cost, w.RetailPrice = Money(math.Round(100*number(words[prices]))), Money(math.Round(100*number(words[prices+1])))
			if supplier := strings.Join(words[prices+2:], " "); supplier != "-" {
				w.Supplier = &supplier
			}
			// The first of a category sell best, and what is dear sells less.
			w.popularity = math.Pow(float64(place+1), -0.6) * math.Pow(w.RetailPrice.Float(), -0.35)
			wares = append(wares, w)
			place++
		}
	}
	return wares
}

// generateOrders makes the orders in the order of their days. progress is called from time to time with the share that is done.
func generateOrders(progress func(done float64)) []Order {
	buyers, shelf := generateCustomers(), stock(generateProducts())
	r := random(partOrders)
	var rows []Order
	for i, habit := range generateHabits(buyers) {
		buyer := buyers[i]
		next := buyer.SignupDate.AddDate(0, 0, r.IntN(4))
		for next.Before(today) && next.Before(habit.leaves) {
			rows = append(rows, order(r, buyer, next, shelf))
			wait := r.ExpFloat64() / (habit.perDay * season(next))
			next = next.AddDate(0, 0, 1+min(1000, int(wait)))
		}
		if i%100 == 0 {
			progress(float64(i) / float64(len(buyers)))
		}
	}
	slices.SortStableFunc(rows, func(a, b Order) int {
		return cmp.Or(a.OrderDate.Compare(b.OrderDate), cmp.Compare(a.CustomerID, b.CustomerID))
	})
	for i := range rows {
		rows[i].OrderID = int64(50001 + i)
	}
	return rows
}

// season is how much more than on an ordinary day is ordered.
func season(day time.Time) float64 {
	if factor, special := seasons[day.Month()]; special {
		return factor
	}
	return 1
}

var seasons = map[time.Month]float64{time.July: 0.9, time.August: 0.9, time.November: 1.25, time.December: 1.6}

// A shelf is what the customers choose from. demand holds for each month, and each ware, the sum of the demand up to that ware.
type shelf struct {
	wares  []ware
	demand [][]float64
}

func stock(wares []ware) shelf {
	s := shelf{wares: wares}
	for month := range month(today) + 1 {
		var sum float64
		sums := make([]float64, len(wares))
		for i, w := range wares {
			sum += w.popularity * math.Exp(w.growth*float64(month))
			sums[i] = sum
		}
		s.demand = append(s.demand, sums)
	}
	return s
}

// month counts 30 days each from the first day.
func month(day time.Time) int { return int(day.Sub(firstDay).Hours() / 24 / 30) }

func (s shelf) choose(r *rand.Rand, day time.Time) ware {
	sums := s.demand[month(day)]
	i, _ := slices.BinarySearch(sums, r.Float64()*sums[len(sums)-1])
	return s.wares[i]
}

func order(r *rand.Rand, buyer Customer, day time.Time, shelf shelf) Order {
	w := shelf.choose(r, day)
	o := Order{CustomerID: buyer.CustomerID, Product: w.Product.Product, Quantity: 1, OrderDate: day, Price: w.RetailPrice}
	for o.Quantity < 12 && r.Float64() < 0.5-0.012*w.RetailPrice.Float() {
		o.Quantity++
	}
	discount := Money(0) // percent
	if buyer.Tier == "premium" {
		discount = 5
	}
	if r.Float64() < 0.1 {
		discount += 10
	}
	o.Price -= o.Price * discount / 100
	o.TotalAmount = o.Price * Money(o.Quantity)
	return o
}

// number reads one of the numbers in the assortment.
func number(text string) float64 {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err) // a typing mistake above
	}
	return x
}
