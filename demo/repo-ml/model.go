package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A ModelRow is a row of a model: a model is a table, so that its coefficients can be read, compared and stored as any other data.
type ModelRow struct {
	Part  string  `asset:"part"` // "coefficient" or "metric"
	Name  string  `asset:"name"`
	Value float64 `asset:"value"`
	// The rest is of coefficients only. A coefficient belongs to (x - mean) / scale.
	Mean       *float64 `asset:"mean"`
	Scale      *float64 `asset:"scale"`
	Importance *float64 `asset:"importance"` // share of the sum of all coefficients' sizes
}

const intercept = "(intercept)"

// A linear is a linear model of standardised features.
type linear struct {
	names              []string
	intercept          float64
	weights            []float64
	mean, scale        []float64
	iterations, sample int
}

// at is the model's value for the features x.
func (m linear) at(x []float64) float64 {
	y := m.intercept
	for i, w := range m.weights {
		y += w * (x[i] - m.mean[i]) / m.scale[i]
	}
	return y
}

// rows writes the model as a table: coefficients, the most important first, then the metrics.
func (m linear) rows(metrics ...ModelRow) []ModelRow {
	var sum float64
	for _, w := range m.weights {
		sum += math.Abs(w)
	}
	var rows []ModelRow
	for i, w := range m.weights {
		importance := math.Abs(w) / sum
		rows = append(rows, ModelRow{"coefficient", m.names[i], w, &m.mean[i], &m.scale[i], &importance})
	}
	slices.SortStableFunc(rows, func(a, b ModelRow) int { return cmp.Compare(*b.Importance, *a.Importance) })
	rows = append(rows, ModelRow{Part: "coefficient", Name: intercept, Value: m.intercept})
	return append(rows, metrics...)
}

func metric(name string, value float64) ModelRow {
	return ModelRow{Part: "metric", Name: name, Value: value}
}

// readModel is the way back from rows, for features with these names in this order.
func readModel(rows []ModelRow, names []string) (linear, error) {
	m := linear{names: names, weights: make([]float64, len(names)), mean: make([]float64, len(names)), scale: make([]float64, len(names))}
	found := 0
	for _, row := range rows {
		i := slices.Index(names, row.Name)
		switch {
		case row.Part != "coefficient":
		case row.Name == intercept:
			m.intercept = row.Value
		case i < 0:
			return linear{}, fmt.Errorf("the model has a coefficient of %q, which is no feature", row.Name)
		case row.Mean == nil || row.Scale == nil:
			return linear{}, fmt.Errorf("the model has no mean or no scale of %q", row.Name)
		default:
			m.weights[i], m.mean[i], m.scale[i] = row.Value, *row.Mean, *row.Scale
			found++
		}
	}
	if found != len(names) {
		return linear{}, fmt.Errorf("the model has %d coefficients for %d features", found, len(names))
	}
	return m, nil
}

// standardise returns the features with mean 0 and deviation 1, and a model that knows how.
func standardise(names []string, xs [][]float64) ([][]float64, linear, error) {
	if len(xs) < 2 {
		return nil, linear{}, errors.New("there are not enough rows to learn from")
	}
	m := linear{names: names, weights: make([]float64, len(names)), mean: make([]float64, len(names)), scale: make([]float64, len(names)), sample: len(xs)}
	n := float64(len(xs))
	for i := range names {
		for _, x := range xs {
			m.mean[i] += x[i] / n
		}
		for _, x := range xs {
			m.scale[i] += (x[i] - m.mean[i]) * (x[i] - m.mean[i]) / n
		}
		if m.scale[i] = math.Sqrt(m.scale[i]); m.scale[i] < 1e-9 {
			m.scale[i] = 1 // a constant says nothing, and divides nothing
		}
	}
	zs := make([][]float64, len(xs))
	for r, x := range xs {
		z := []float64{1} // the intercept
		for i := range names {
			z = append(z, (x[i]-m.mean[i])/m.scale[i])
		}
		zs[r] = z
	}
	return zs, m, nil
}

// fitLinear learns y as a linear function of xs: least squares with a penalty on large coefficients.
func fitLinear(names []string, xs [][]float64, ys []float64, penalty float64) (linear, error) {
	zs, m, err := standardise(names, xs)
	if err != nil {
		return linear{}, err
	}
	weights := make([]float64, len(ys))
	for i := range weights {
		weights[i] = 1
	}
	solution, err := leastSquares(zs, ys, weights, penalty)
	if err != nil {
		return linear{}, err
	}
	m.intercept, m.weights = solution[0], solution[1:]
	return m, nil
}

// fitLogistic learns the probability that y is true: logistic regression by Newton's method. step is called after each iteration.
func fitLogistic(names []string, xs [][]float64, ys []bool, penalty float64, step func(iteration int)) (linear, error) {
	zs, m, err := standardise(names, xs)
	if err != nil {
		return linear{}, err
	}
	beta := make([]float64, len(names)+1)
	targets, weights := make([]float64, len(zs)), make([]float64, len(zs))
	for m.iterations = 1; m.iterations <= 50; m.iterations++ {
		for r, z := range zs {
			var eta float64
			for i, b := range beta {
				eta += b * z[i]
			}
			p := sigmoid(eta)
			weights[r] = max(p*(1-p), 1e-6)
			y := 0.0
			if ys[r] {
				y = 1
			}
			targets[r] = eta + (y-p)/weights[r]
		}
		next, err := leastSquares(zs, targets, weights, penalty)
		if err != nil {
			return linear{}, err
		}
		var change float64
		for i := range beta {
			change = max(change, math.Abs(next[i]-beta[i]))
		}
		beta = next
		step(m.iterations)
		if change < 1e-8 {
			break
		}
	}
	m.intercept, m.weights = beta[0], beta[1:]
	return m, nil
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// leastSquares minimises the weighted squared error plus the penalty on all but the first coefficient.
func leastSquares(zs [][]float64, ys, weights []float64, penalty float64) ([]float64, error) {
	n := len(zs[0])
	a, b := make([][]float64, n), make([]float64, n)
	for i := range a {
		a[i] = make([]float64, n)
		if i > 0 {
			a[i][i] = penalty
		}
	}
	for r, z := range zs {
		for i := range n {
			b[i] += weights[r] * z[i] * ys[r]
			for j := range n {
				a[i][j] += weights[r] * z[i] * z[j]
			}
		}
	}
	return solve(a, b)
}

// solve finds x with a x = b by Gaussian elimination. It overwrites a and b.
func solve(a [][]float64, b []float64) ([]float64, error) {
	n := len(b)
	for c := range n {
		pivot := c
		for r := c + 1; r < n; r++ {
			if math.Abs(a[r][c]) > math.Abs(a[pivot][c]) {
				pivot = r
			}
		}
		if math.Abs(a[pivot][c]) < 1e-12 {
			return nil, errors.New("the features are not independent of each other")
		}
		a[c], a[pivot], b[c], b[pivot] = a[pivot], a[c], b[pivot], b[c]
		for r := c + 1; r < n; r++ {
			f := a[r][c] / a[c][c]
			for k := c; k < n; k++ {
				a[r][k] -= f * a[c][k]
			}
			b[r] -= f * b[c]
		}
	}
	x := make([]float64, n)
	for r := n - 1; r >= 0; r-- {
		x[r] = b[r]
		for k := r + 1; k < n; k++ {
			x[r] -= a[r][k] * x[k]
		}
		x[r] /= a[r][r]
	}
	return x, nil
}
