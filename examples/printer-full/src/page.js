// Asks the program that serves the page what it is, and shows the answer.
fetch('/about')
  .then(function (answer) {
    return answer.text();
  })
  .then(function (whatItSaid) {
    document.getElementById('said').textContent = 'This page is served by ' + whatItSaid + '.';
  });
