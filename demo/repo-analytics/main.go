// Command analytics is the code location of the analytics team: customers, orders and products as they come in, and what the
// company wants to know of them. assetdev builds and runs it.
//
// The team that reads these assets knows their keys and columns, and nothing of this repository.
package main

import "github.com/assetdev/assetdev/asset"

const (
	team  = "team:analytics"
	sales = "sales@example.com"
)

func main() {
	generated := asset.Metadata(map[string]string{"source": "made up by shop.go, always the same"})
	forOthers := asset.Tags(map[string]string{"contract": "public"}) // other repositories read it: keep its columns

	asset.Main(
		asset.New("customer_data", customerData,
			asset.Group("raw_data"), asset.Owners(team), asset.Kinds("table"), asset.Tags(map[string]string{"pii": "true"}), generated),
		asset.New("order_data", orderData,
			asset.Group("raw_data"), asset.Owners(team, sales), asset.Kinds("table"), generated),
		asset.New("product_catalog", productCatalog,
			asset.Group("raw_data"), asset.Owners(team), asset.Kinds("table"), generated),

		asset.New("customer_order_summary", customerOrderSummary,
			asset.Group("analytics"), asset.Owners(team), asset.Kinds("table"), forOthers),
		asset.New("product_performance", productPerformance,
			asset.Group("analytics"), asset.Owners(team, sales), asset.Kinds("table"), forOthers),
		asset.New("customer_segments", customerSegments,
			asset.Group("analytics"), asset.Owners(team), asset.Kinds("table", "segmentation")),
	)
}
