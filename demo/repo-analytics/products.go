package main

import "fmt"

// A Product is a row of product_catalog.
type Product struct {
	Product     string  `asset:"product"` // its name, which is its key
	Category    string  `asset:"category"`
	Cost        Money   `asset:"cost,decimal(10,2)"`
	RetailPrice Money   `asset:"retail_price,decimal(10,2)"`
	Supplier    *string `asset:"supplier"` // null for what comes from our own kitchen
}

// productCatalog is what the shop sells, with what it costs.
func productCatalog() ([]Product, error) {
	var rows []Product
	seen := map[string]bool{}
	for _, w := range generateProducts() {
		if seen[w.Product.Product] {
			return nil, fmt.Errorf("product %q is in the catalog twice", w.Product.Product)
		}
		seen[w.Product.Product] = true
		rows = append(rows, w.Product)
	}
	return rows, nil
}
